// The op set. Every op is a kernel under its own name: `layerNorm({ x, gamma, beta }, { eps })` records a node whose
// shader is shaders/layerNorm.wgsl. Views (reshape, firstRows) are methods of Graph, as they cost nothing.
import * as kernels from "../kernels/index.ts";
import type { Length } from "../kernels/length.ts";
import type { Value } from "./graph.ts";
import { op } from "./op.ts";

export const argmax = /* @__PURE__ */ op(kernels.argmax);
export const attention = /* @__PURE__ */ op(kernels.attention);
export const batchNorm = /* @__PURE__ */ op(kernels.batchNorm);
export const binary = /* @__PURE__ */ op(kernels.binary);
export const cast = /* @__PURE__ */ op(kernels.cast);
export const concat = /* @__PURE__ */ op(kernels.concat);
export const conv2d = /* @__PURE__ */ op(kernels.conv2d);
export const gather = /* @__PURE__ */ op(kernels.gather);
export const interpolate = /* @__PURE__ */ op(kernels.interpolate);
export const l2Normalize = /* @__PURE__ */ op(kernels.l2Normalize);
export const layerNorm = /* @__PURE__ */ op(kernels.layerNorm);
export const maskUpsample = /* @__PURE__ */ op(kernels.maskUpsample);
export const matmul = /* @__PURE__ */ op(kernels.matmul);
export const meanPool = /* @__PURE__ */ op(kernels.meanPool);
export const narrow = /* @__PURE__ */ op(kernels.narrow);
export const normalizeImage = /* @__PURE__ */ op(kernels.normalizeImage);
export const permute = /* @__PURE__ */ op(kernels.permute);
export const pixelShuffle = /* @__PURE__ */ op(kernels.pixelShuffle);
export const pool2d = /* @__PURE__ */ op(kernels.pool2d);
export const positionCode = /* @__PURE__ */ op(kernels.positionCode);
export const prepend = /* @__PURE__ */ op(kernels.prepend);
export const relativePositions = /* @__PURE__ */ op(kernels.relativePositions);
export const resize = /* @__PURE__ */ op(kernels.resize);
export const rope = /* @__PURE__ */ op(kernels.rope);
export const similarity = /* @__PURE__ */ op(kernels.similarity);
export const softmax = /* @__PURE__ */ op(kernels.softmax);
export const topK = /* @__PURE__ */ op(kernels.topK);
export const transpose = /* @__PURE__ */ op(kernels.transpose);
export const unary = /* @__PURE__ */ op(kernels.unary);
export const unfold = /* @__PURE__ */ op(kernels.unfold);

/** Writes rows [n, …] over those of a state from row `at` on, and gives the state with them (Graph.addInto). */
export function writeRows(
  { state, rows }: { readonly state: Value; readonly rows: Value },
  { at }: { readonly at: number | Length },
): Value {
  return state.graph.addInto(kernels.writeRows, state, { rows }, { shape: state.shape, at });
}
