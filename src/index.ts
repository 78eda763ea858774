// The public names of webgpu-vision.
export { type AttentionMap, type AttentionMapOptions, attentionMaps } from "./api/attentionMaps.ts";
export {
  type ClassifyOptions,
  Clip,
  type ClipEncodeImagesOptions,
  type ClipOptions,
  type EncodeImageOptions,
  type EncodeTextOptions,
  type ImageEmbedding,
} from "./api/clip.ts";
export type { ImageSource } from "./api/decodeAhead.ts";
export {
  Dino,
  type DinoEncodeImagesOptions,
  type DinoEncodeOptions,
  type DinoFeatures,
  type DinoLayer,
  type DinoOptions,
  type DinoTokens,
  type ImageFeatures,
} from "./api/dino.ts";
export type { LabelScore } from "./api/embeddings.ts";
export type { EncodeImagesOptions } from "./api/encodePictures.ts";
export type { PatchFeatures } from "./api/featureRows.ts";
export type { MaskRecord } from "./api/generateMasks.ts";
export type { DinoGpuFeatures, KeepOnGpu, SamGpuMasks } from "./api/keepOnGpu.ts";
export { KnnClassifier, type KnnOptions } from "./api/knn.ts";
export { LinearProbe, type LinearProbeOptions } from "./api/linearProbe.ts";
export { type CocoRle, fromCocoRle, toCocoRle } from "./api/masks/cocoRle.ts";
export type { PointGrid } from "./api/masks/crops.ts";
export type { GenerateMasksOptions, OutputMode, Segmentations } from "./api/masks/options.ts";
export { maskPolygons } from "./api/masks/polygons.ts";
export { type CleanedMask, removeSmallRegions } from "./api/masks/regions.ts";
export { decodeRle, encodeRle, type Mask, maskArea, maskBox, type Rle } from "./api/masks/rle.ts";
export { type MatchOptions, matchPatches, type PatchMatch } from "./api/matchPatches.ts";
export { type PcaBasis, type PcaForeground, type PcaOptions, type PcaPicture, type PcaResult, pca } from "./api/pca.ts";
export type { EncodeStep } from "./api/pictureRuns.ts";
export { type LabelMask, type PropagatedMask, type PropagateOptions, propagateMask } from "./api/propagateMask.ts";
export { Sam, type SamOptions } from "./api/sam.ts";
export type { SamBox, SamPoint, SamPrompt } from "./api/samPrompts.ts";
export { type PredictOptions, type SamMask, SamScene } from "./api/samScene.ts";
export type { ModelDType, SessionOptions } from "./api/session.ts";
export type { AdapterClass, AdapterInfo, MatrixUnit } from "./device/adapter.ts";
export { Device, type MemoryUse } from "./device/device.ts";
export * from "./device/errors.ts";
export { GpuTensor } from "./device/gpuTensor.ts";
export { type DeviceOptions, openDevice } from "./device/open.ts";
export type { DType, HostArray, NdArray, Shape, Spec, Tensor } from "./device/tensor.ts";
export { Executor, type Profile, type ProfiledStep } from "./graph/executor.ts";
export { Graph, Value } from "./graph/graph.ts";
export * as ops from "./graph/ops.ts";
export { type Plan, type PlanOptions, type PlanSummary, plan } from "./graph/plan.ts";
export { quantise } from "./graph/quantise.ts";
export { SlotPool } from "./graph/slotPool.ts";
export { WeightStore } from "./graph/store.ts";
export { winograd } from "./graph/winograd.ts";
export type { ByteSource } from "./io/bytes.ts";
export type { ImageLike, RawImage, RgbaImage } from "./io/image.ts";
export { type ModelFile, type ModelSize, modelSize } from "./io/modelSize.ts";
export { type CachedModel, cachedModels, clearCachedModels } from "./io/pageCache.ts";
export {
  type Checkpoint,
  readSafetensors,
  type SafetensorsLike,
  type StoredDType,
  type StoredTensor,
  type TensorData,
  writeSafetensors,
} from "./io/safetensors.ts";
export { openSource, type Source, type SourceBytes, type SourceLike, type SourceOptions } from "./io/source.ts";
export * as kernels from "./kernels/index.ts";
