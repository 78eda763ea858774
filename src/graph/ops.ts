// The op set. Every op is a kernel under its own name: `layerNorm({ x, gamma, beta }, { eps })` records a node whose
// shader is shaders/layerNorm.wgsl. Views (reshape, firstRows) are methods of Graph, as they cost nothing.
// Bundlers split by files: ops of networks that pages load on demand are in files of their own, and nothing is declared
// here, as this file would then go into every page's first chunk and lead from there into those that are loaded later.
export { conv2d } from "./convolutionOps.ts";
export { batchNorm, meanPool, pool2d } from "./resnetOps.ts";
export * from "./transformerOps.ts";
