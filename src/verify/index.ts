// The suites of all kernels: cases and float64 references.

export { argmaxSuite } from "./argmax.ts";
export { attentionSuite } from "./attention.ts";
export { binarySuite } from "./binary.ts";
export { castSuite } from "./cast.ts";
export { concatSuite } from "./concat.ts";
export { conv2dSuite } from "./conv2d.ts";
export { gatherSuite } from "./gather.ts";
export { interpolateSuite } from "./interpolate.ts";
export { l2NormaliseSuite } from "./l2Normalise.ts";
export { layerNormSuite } from "./layerNorm.ts";
export { matmulSuite } from "./matmul.ts";
export { meanPoolSuite } from "./meanPool.ts";
export { narrowSuite } from "./narrow.ts";
export { normalizeSuite } from "./normalize.ts";
export { permuteSuite } from "./permute.ts";
export { pool2dSuite } from "./pool2d.ts";
export { prependSuite } from "./prepend.ts";
export { relativePositionsSuite } from "./relativePositions.ts";
export { resizeSuite } from "./resize.ts";
export { ropeSuite } from "./rope.ts";
export { similaritySuite } from "./similarity.ts";
export { softmaxSuite } from "./softmax.ts";
export { splitSumSuite } from "./splitSum.ts";
export { transposeSuite } from "./transpose.ts";
export { unarySuite } from "./unary.ts";
export { unfoldSuite } from "./unfold.ts";
