// Every kernel, by name.

export { ACTIVATIONS, type Activation, activate } from "./activation.ts";
export { argmax } from "./argmax.ts";
export { type AttentionParams, attention } from "./attention.ts";
export { type BatchNormParams, batchNorm } from "./batchNorm.ts";
export { type BinaryParams, binary } from "./binary.ts";
export { type CastParams, cast, type StoredType } from "./cast.ts";
export { type ChannelScaleParams, channelScale } from "./channelScale.ts";
export { type ConcatParams, concat } from "./concat.ts";
export { conv2d } from "./conv2d.ts";
export type { Conv2dParams } from "./convolution.ts";
export type { EpilogueParams } from "./epilogue.ts";
export { type GatherParams, gather } from "./gather.ts";
export { type InnerProductParams, innerProduct } from "./innerProduct.ts";
export { type InterpolateParams, type InterpolateWindow, interpolate } from "./interpolate.ts";
export { type L2NormalizeParams, l2Normalize } from "./l2Normalize.ts";
export { type LayerNormParams, layerNorm } from "./layerNorm.ts";
export { type LocalSimilarityParams, localSimilarity } from "./localSimilarity.ts";
export { type MaskRows, type MaskUpsampleParams, maskUpsample } from "./maskUpsample.ts";
export { type MatmulParams, matmul } from "./matmul.ts";
export { type MeanPoolParams, meanPool } from "./meanPool.ts";
export { type MixLabelsParams, mixLabels } from "./mixLabels.ts";
export { type NarrowParams, narrow } from "./narrow.ts";
export { type NormalizeImageParams, normalizeImage, type Rgb } from "./normalizeImage.ts";
export { type PermuteParams, permute } from "./permute.ts";
export { type PixelShuffleParams, pixelShuffle } from "./pixelShuffle.ts";
export { type Pool2dParams, pool2d } from "./pool2d.ts";
export { type PositionCodeParams, positionCode } from "./positionCode.ts";
export { prepend } from "./prepend.ts";
export type { ProductParams } from "./product.ts";
export { quantise } from "./quantise.ts";
export { type RelativePositionsParams, relativePositions } from "./relativePositions.ts";
export {
  type PictureSize,
  type ResizeAxis,
  type ResizeCoefficients,
  type ResizeFilter,
  type ResizeParams,
  resize,
  resizeCoefficients,
  resizeOrder,
} from "./resize.ts";
export { type RopeParams, rope } from "./rope.ts";
export { type SimilarityParams, similarity } from "./similarity.ts";
export { softmax } from "./softmax.ts";
export { type SplitSumParams, splitSum } from "./splitSum.ts";
export { type StableMaskParams, stableMask } from "./stableMask.ts";
export { type TopKParams, topK } from "./topK.ts";
export { type TransposeParams, transpose } from "./transpose.ts";
export { type UnaryParams, unary } from "./unary.ts";
export { type UnfoldParams, unfold } from "./unfold.ts";
export type { Pair } from "./window.ts";
export { type WinogradInputParams, winogradInput } from "./winogradInput.ts";
export { type WinogradOutputParams, winogradOutput } from "./winogradOutput.ts";
export { type WriteRowsParams, writeRows } from "./writeRows.ts";
