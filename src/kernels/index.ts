// Every kernel, by name.
export { type BinaryParams, binary } from "./binary.ts";
export { type UnaryParams, unary } from "./unary.ts";
export { ACTIVATIONS, type Activation, activate } from "./activation.ts";
export { type AttentionParams, attention } from "./attention.ts";
export { type LayerNormParams, layerNorm } from "./layerNorm.ts";
export { type MatmulParams, matmul } from "./matmul.ts";
