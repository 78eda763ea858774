// What carries labels through a video, on the host or on the GPU, and how it is told to.

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
