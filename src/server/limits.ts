// What a server takes and what it refuses, so that no request can take its memory or its time from the others.

/** Bounds of a server. Each has its option in `webgpu-vision serve`. */
export interface ServerLimits {
  /** Most bytes of a request's body; of all that are under way at once, eight times as many. */
  readonly bodyBytes: number;
  /** Most pixels of a picture. */
  readonly pixels: number;
  /** Most pictures, or texts, of a request. */
  readonly items: number;
  /** Most pictures in one run of a model. */
  readonly batch: number;
  /** Most requests accepted at once; what comes beyond them is told to come again. */
  readonly queue: number;
  /** Seconds that a request may take. */
  readonly timeout: number;
  /** Most scenes kept at once. */
  readonly scenes: number;
  /** Seconds that a scene is kept after it was last used. */
  readonly sceneSeconds: number;
}

/** What holds unless the caller says otherwise. */
export const DEFAULT_LIMITS: ServerLimits = {
  bodyBytes: 32 << 20,
  pixels: 50_000_000,
  items: 64,
  batch: 8,
  queue: 64,
  timeout: 60,
  scenes: 32,
  sceneSeconds: 600,
};
