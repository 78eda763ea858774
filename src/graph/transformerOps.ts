// The ops of transformers, and of pictures before and after them.
import * as kernels from "../kernels/index.ts";
import { op } from "./op.ts";

export const argmax = /* @__PURE__ */ op(kernels.argmax);
export const attention = /* @__PURE__ */ op(kernels.attention);
export const binary = /* @__PURE__ */ op(kernels.binary);
export const cast = /* @__PURE__ */ op(kernels.cast);
export const concat = /* @__PURE__ */ op(kernels.concat);
export const gather = /* @__PURE__ */ op(kernels.gather);
export const interpolate = /* @__PURE__ */ op(kernels.interpolate);
export const l2Normalise = /* @__PURE__ */ op(kernels.l2Normalise);
export const layerNorm = /* @__PURE__ */ op(kernels.layerNorm);
export const maskUpsample = /* @__PURE__ */ op(kernels.maskUpsample);
export const matmul = /* @__PURE__ */ op(kernels.matmul);
export const narrow = /* @__PURE__ */ op(kernels.narrow);
export const normalize = /* @__PURE__ */ op(kernels.normalize);
export const permute = /* @__PURE__ */ op(kernels.permute);
export const pixelShuffle = /* @__PURE__ */ op(kernels.pixelShuffle);
export const positionCode = /* @__PURE__ */ op(kernels.positionCode);
export const prepend = /* @__PURE__ */ op(kernels.prepend);
export const relativePositions = /* @__PURE__ */ op(kernels.relativePositions);
export const resize = /* @__PURE__ */ op(kernels.resize);
export const rope = /* @__PURE__ */ op(kernels.rope);
export const similarity = /* @__PURE__ */ op(kernels.similarity);
export const softmax = /* @__PURE__ */ op(kernels.softmax);
export const transpose = /* @__PURE__ */ op(kernels.transpose);
export const unary = /* @__PURE__ */ op(kernels.unary);
export const unfold = /* @__PURE__ */ op(kernels.unfold);
