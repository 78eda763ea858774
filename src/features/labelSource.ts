// What carries labels through a video, on the host or on the GPU, how it is told to, and what comes of it.
import type { GpuTensor } from "../device/gpuTensor.ts";
import type { NdArray } from "../device/tensor.ts";

/** Labels 0 (background) to 255, one a cell. */
export interface LabelMask {
  /** Cells across. */
  readonly width: number;
  /** Cells down. */
  readonly height: number;
  /** [height * width] */
  readonly data: Uint8Array;
}

/** A frame's labels. */
export interface PropagatedMask extends LabelMask {
  /** How much of each label every patch took over [labels, grid height, grid width]; sums to 1 over the labels. */
  readonly probabilities: NdArray;
}

/** A frame's features that stayed on the GPU: `encodeImage` with `keepOnGpu` gives them. */
export interface GpuPatchFeatures {
  /** [1, height * width, channels] of the grid. */
  readonly patches: GpuTensor;
  /** Patches down and across. */
  readonly grid: readonly [height: number, width: number];
}

/** Options of `propagateMask`. */
export interface PropagateOptions {
  /** Frames before the current one that it learns from, besides the first; 7 when absent. */
  readonly lastFrames?: number;
  /** Patches in each direction within which a patch may have moved, 12 when absent; 0 for anywhere. */
  readonly neighbourhood?: number;
  /** Patches that each takes its labels from; 5 when absent. */
  readonly topk?: number;
  /** Weights are exp(cosine / temperature); 0.1 when absent. */
  readonly temperature?: number;
  /** Cancels the work: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export type Settings = Required<Omit<PropagateOptions, "signal">>;

/** Carries labels from frame to frame, where the features are. Labels are a share per label and patch [labels, N]. */
export interface LabelSource<Patches> {
  begin(patches: Patches, labels: Float32Array): Promise<void>;
  next(patches: Patches): Promise<Float32Array>;
  dispose(): void;
}
