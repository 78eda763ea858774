// The public names of webgpu-vision.

export {
  type ClassifyOptions,
  Clip,
  type ClipEncodeImagesOptions,
  type ClipOptions,
  type EncodeImageOptions,
  type EncodeTextOptions,
  type ImageEmbedding,
} from "./api/clip.ts";
export type {
  ClipImageTokens,
  ClipTextTokens,
  HiddenStates,
  ImageTokenOptions,
  ImageTokens,
  TextTokenOptions,
} from "./api/clipTokenOptions.ts";
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
export { type ModelSize, modelSize } from "./api/modelSize.ts";
export { Sam, type SamOptions } from "./api/sam.ts";
export { type PredictOptions, type SamMask, SamScene } from "./api/samScene.ts";
export type { AdapterClass, AdapterInfo, MatrixUnit } from "./device/adapter.ts";
export { Device, type MemoryUse } from "./device/device.ts";
export * from "./device/errors.ts";
export { GpuTensor } from "./device/gpuTensor.ts";
export { type DeviceOptions, openDevice } from "./device/open.ts";
export type { DType, HostArray, NdArray, Shape, Spec, Tensor } from "./device/tensor.ts";
export {
  type AttentionFeatures,
  type AttentionMap,
  type AttentionMapOptions,
  attentionMaps,
} from "./features/attentionMaps.ts";
export type { PatchFeatures } from "./features/featureRows.ts";
export { KnnClassifier, type KnnOptions } from "./features/knn.ts";
export type { GpuPatchFeatures, LabelMask, PropagatedMask, PropagateOptions } from "./features/labelSource.ts";
export { LinearProbe, type LinearProbeOptions } from "./features/linearProbe.ts";
export { type MatchOptions, matchPatches, type PatchMatch } from "./features/matchPatches.ts";
export {
  type PcaBasis,
  type PcaForeground,
  type PcaOptions,
  type PcaPicture,
  type PcaResult,
  pca,
} from "./features/pca.ts";
export { propagateMask } from "./features/propagateMask.ts";
export type { Bindings } from "./graph/bindings.ts";
export {
  type EncodeOptions,
  Executor,
  type ExecutorOptions,
  type HostInputs,
  type RunBindings,
  type RunOptions,
} from "./graph/executor.ts";
export { type BoundOption, Graph, Value } from "./graph/graph.ts";
export * as ops from "./graph/ops.ts";
export { type Plan, type PlanOptions, type PlanSummary, plan } from "./graph/plan.ts";
export type { Profile, ProfiledStep } from "./graph/profile.ts";
export { quantise } from "./graph/rewrites/quantise.ts";
export { winograd } from "./graph/rewrites/winograd.ts";
export { SlotPool } from "./graph/slotPool.ts";
export { WeightStore } from "./graph/store.ts";
export type { ImageLike, RawImage, RgbaImage } from "./io/image/image.ts";
export type { Checkpoint, StoredTensor } from "./io/safetensors/checkpoint.ts";
export {
  readSafetensors,
  type SafetensorsLike,
  type StoredDType,
  type TensorData,
  writeSafetensors,
} from "./io/safetensors/safetensors.ts";
export type { ByteSource } from "./io/source/bytes.ts";
export { cachedModels, clearCachedModels } from "./io/source/cachedModels.ts";
export { openSource } from "./io/source/openSource.ts";
export type { CachedModel } from "./io/source/pageCache.ts";
export type { ModelFile, Source, SourceBytes, SourceLike, SourceOptions } from "./io/source/source.ts";
export * as kernels from "./kernels/index.ts";
export { Length } from "./kernels/length.ts";
export {
  type CocoAnnotation,
  type CocoCategory,
  type CocoDataset,
  type CocoImage,
  type CocoInfo,
  cocoDataset,
  type MaskToExport,
  type PictureToExport,
} from "./masks/cocoDataset.ts";
export { type CocoRle, fromCocoRle, toCocoRle } from "./masks/cocoRle.ts";
export type { PointGrid } from "./masks/crops.ts";
export type { MaskRecord } from "./masks/generateMasks.ts";
export type { GenerateMasksOptions, OutputMode, Segmentations } from "./masks/options.ts";
export { maskPolygons } from "./masks/polygons.ts";
export { type CleanedMask, removeSmallRegions } from "./masks/regions.ts";
export { decodeRle, encodeRle, type Mask, maskArea, maskBox, type Rle } from "./masks/rle.ts";
export type { ModelClass } from "./models/family.ts";
export type { SamBox, SamPoint, SamPrompt } from "./models/sam/prompts.ts";
export type { ImageSource } from "./pictures/decodeAhead.ts";
export type { EncodeImagesOptions } from "./pictures/encodeOptions.ts";
export type { DinoGpuFeatures, KeepOnGpu, SamGpuMasks } from "./pictures/keepOnGpu.ts";
export type { EncodeStep } from "./pictures/pictureRuns.ts";
export type { ModelHealth } from "./session/health.ts";
export type { ModelDType, SessionOptions } from "./session/session.ts";
