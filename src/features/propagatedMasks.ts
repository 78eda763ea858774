// The work of propagateMask: segmentation of a video from the mask of its first frame, by the similarity of patches, as
// DINO is evaluated on DAVIS (facebookresearch/dino: eval_video_segmentation.py; Jabri et al., 2020).
import { ArgumentError } from "../device/errors.ts";
import type { NdArray } from "../device/tensor.ts";
import { isA } from "../device/tensor.ts";
import { checkPatches, type PatchFeatures, patchRows, type Rows, unitRows } from "./featureRows.ts";
import type {
  GpuPatchFeatures,
  LabelMask,
  LabelSource,
  PropagatedMask,
  PropagateOptions,
  Settings,
} from "./labelSource.ts";

/** Of what one frame may be. */
type Frame = PatchFeatures | GpuPatchFeatures;

/** As `propagateMask`, which loads it. */
export async function* propagatedMasks(
  frames:
    | Iterable<PatchFeatures | GpuPatchFeatures | Promise<PatchFeatures | GpuPatchFeatures>>
    | AsyncIterable<PatchFeatures | GpuPatchFeatures>,
  firstMask: LabelMask,
  { signal, ...options }: PropagateOptions = {},
): AsyncGenerator<PropagatedMask> {
  const settings = settingsOf(options);
  checkMask(firstMask);
  const count = firstMask.data.reduce((most, label) => Math.max(most, label), 0) + 1;
  const { width, height } = firstMask;
  let first: Frame | undefined;
  let source: LabelSource<Frame["patches"]> | undefined;
  signal?.throwIfAborted();
  try {
    for await (const frame of frames) {
      signal?.throwIfAborted();
      const { grid } = frame;
      checkFrame(frame, first);
      if (!first || !source) {
        first = frame;
        const labels = onehot(firstMask, count, grid);
        source = await sourceOf(frame, count, settings);
        await source.begin(frame.patches, labels);
        yield { width, height, data: firstMask.data.slice(), probabilities: shares(labels, count, grid) };
        continue;
      }
      const labels = await source.next(frame.patches);
      signal?.throwIfAborted();
      const data = hardLabels(labels, count, grid, [height, width]);
      yield { width, height, data, probabilities: shares(labels, count, grid) };
    }
  } finally {
    source?.dispose();
  }
  if (!first) throw new ArgumentError("[propagateMask] got no frames, expected at least the first mask's own");
}

function isOnGpu(frame: Frame): frame is GpuPatchFeatures {
  return "buffer" in frame.patches;
}

async function sourceOf(first: Frame, count: number, settings: Settings): Promise<LabelSource<Frame["patches"]>> {
  if (!isOnGpu(first)) return new HostLabels(first.grid, count, settings) as LabelSource<Frame["patches"]>;
  const { LabelPropagation } = await import("./labelPropagation.ts");
  return new LabelPropagation(first.patches, first.grid, count, settings) as LabelSource<Frame["patches"]>;
}

/** Throws unless a frame has patches of one picture, as the first one has: their grid, their width, where they are. */
function checkFrame(frame: Frame, first: Frame = frame): void {
  checkPatches("propagateMask", frame.patches.shape, frame.grid);
  const [channels, expected] = [frame, first].map(({ patches }) => patches.shape[2]);
  if (channels !== expected) {
    throw new ArgumentError(
      `[propagateMask] features have ${channels} channels, expected ${expected}: they must come from one model`,
    );
  }
  if (frame.grid.join() !== first.grid.join()) {
    throw new ArgumentError(
      `[propagateMask] a frame has a grid of ${frame.grid.join(" x ")}, the first ${first.grid.join(" x ")}: ` +
        "encode all at one size",
    );
  }
  const deviceOf = (one: Frame) => (isOnGpu(one) ? one.patches.device : undefined);
  if (deviceOf(frame) === deviceOf(first)) return;
  throw new ArgumentError("[propagateMask] features lie in several places: keep all on one GPU, or none");
}

/** On the host. */
class HostLabels implements LabelSource<NdArray> {
  readonly #grid: PatchFeatures["grid"];
  readonly #count: number;
  readonly #settings: Settings;
  #first: Known | undefined;
  readonly #recent: Known[] = [];

  constructor(grid: PatchFeatures["grid"], count: number, settings: Settings) {
    this.#grid = grid;
    this.#count = count;
    this.#settings = settings;
  }

  async begin(patches: NdArray, labels: Float32Array): Promise<void> {
    this.#first = { unit: this.#unit(patches), labels };
  }

  async next(patches: NdArray): Promise<Float32Array> {
    const unit = this.#unit(patches);
    const known = [this.#first as Known, ...this.#recent];
    const labels = propagate(unit, known, this.#count, this.#grid, this.#settings);
    this.#recent.push({ unit, labels });
    if (this.#recent.length > this.#settings.lastFrames) this.#recent.shift();
    return labels;
  }

  dispose(): void {}

  #unit(patches: NdArray): Rows {
    return unitRows(patchRows("propagateMask", { patches, grid: this.#grid }));
  }
}

/** A frame to learn from: its patches of unit length and their labels, a share per label and patch. */
interface Known {
  readonly unit: Rows;
  readonly labels: Float32Array;
}

function settingsOf(options: PropagateOptions): Settings {
  const { lastFrames = 7, neighbourhood = 12, topk = 5, temperature = 0.1 } = options;
  for (const [name, value, least] of [
    ["lastFrames", lastFrames, 0],
    ["neighbourhood", neighbourhood, 0],
    ["topk", topk, 1],
  ] as const) {
    if (Number.isInteger(value) && value >= least) continue;
    throw new ArgumentError(`[propagateMask] ${name} is ${value}, expected a whole number from ${least}`);
  }
  if (!(temperature > 0)) {
    throw new ArgumentError(`[propagateMask] temperature is ${temperature}, expected a positive number`);
  }
  return { lastFrames, neighbourhood, topk, temperature };
}

function checkMask({ width, height, data }: LabelMask): void {
  const isSized = [width, height].every((size) => Number.isInteger(size) && size > 0);
  if (isSized && isA(data, "Uint8Array") && data.length === width * height) return;
  throw new ArgumentError(
    `[propagateMask] the first mask is ${width} x ${height} with ${data?.length} labels, ` +
      "expected a Uint8Array of width * height",
  );
}

/**
 * The mask on the grid (nearest, by centres as Pillow samples), a share of 1 for each patch's label [labels, h * w].
 */
function onehot({ width, height, data }: LabelMask, count: number, [h, w]: PatchFeatures["grid"]): Float32Array {
  const labels = new Float32Array(count * h * w);
  for (let row = 0; row < h; row++) {
    const y = Math.floor(((row + 0.5) * height) / h);
    for (let column = 0; column < w; column++) {
      const x = Math.floor(((column + 0.5) * width) / w);
      labels[(data[y * width + x] as number) * h * w + row * w + column] = 1;
    }
  }
  return labels;
}

function shares(labels: Float32Array, count: number, [h, w]: PatchFeatures["grid"]): NdArray {
  return { data: labels.slice(), shape: [count, h, w] };
}

/** Labels of a frame's patches, from the most similar patches near them in known frames. */
function propagate(
  target: Rows,
  sources: readonly Known[],
  count: number,
  [h, w]: PatchFeatures["grid"],
  { neighbourhood, topk, temperature }: Settings,
): Float32Array {
  const reach = neighbourhood || Math.max(h, w);
  const labels = new Float32Array(count * h * w);
  const size = h * w;
  for (let row = 0; row < h; row++) {
    const [top, bottom] = [Math.max(0, row - reach), Math.min(h - 1, row + reach)];
    for (let column = 0; column < w; column++) {
      const [left, right] = [Math.max(0, column - reach), Math.min(w - 1, column + reach)];
      const patch = row * w + column;
      const near: number[] = [];
      for (let p = top; p <= bottom; p++) for (let q = left; q <= right; q++) near.push(p * w + q);
      const similarities = new Float32Array(near.length * sources.length);
      sources.forEach(({ unit }, s) => {
        near.forEach((source, i) => {
          similarities[s * near.length + i] = dotRows(target, patch, unit, source);
        });
      });
      const least = kthLargest(similarities, topk);
      const most = similarities.reduce((a, b) => Math.max(a, b));
      let total = 0;
      similarities.forEach((similarity, i) => {
        if (similarity < least) return;
        const weight = Math.exp((similarity - most) / temperature); // of a scale that f32 holds
        total += weight;
        const known = (sources[Math.floor(i / near.length)] as Known).labels;
        const source = near[i % near.length] as number;
        for (let label = 0; label < count; label++) {
          const at = label * size + patch;
          labels[at] = (labels[at] as number) + weight * (known[label * size + source] as number);
        }
      });
      for (let label = 0; label < count; label++) {
        labels[label * size + patch] = (labels[label * size + patch] as number) / total;
      }
    }
  }
  return labels;
}

/** Dot product of two rows in four independent sums: a single sum would wait for each addition before the next. */
function dotRows(a: Rows, row: number, b: Rows, other: number): number {
  const { channels } = a;
  const left = row * channels;
  const right = other * channels;
  const product = (c: number) => (a.data[left + c] as number) * (b.data[right + c] as number);
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const unrolled = channels & ~3;
  for (let c = 0; c < unrolled; c += 4) {
    s0 += product(c);
    s1 += product(c + 1);
    s2 += product(c + 2);
    s3 += product(c + 3);
  }
  for (let c = unrolled; c < channels; c++) s0 += product(c);
  return s0 + s1 + (s2 + s3);
}

function kthLargest(values: Float32Array, k: number): number {
  return values.length <= k ? Number.NEGATIVE_INFINITY : (values.slice().sort().at(-k) as number);
}

/** The label of every cell of the result: shares interpolated, each label stretched to 0..1, the largest wins. */
function hardLabels(
  labels: Float32Array,
  count: number,
  [h, w]: PatchFeatures["grid"],
  [height, width]: readonly [number, number],
): Uint8Array {
  const data = new Uint8Array(height * width);
  const most = new Float32Array(height * width).fill(Number.NEGATIVE_INFINITY);
  for (let label = 0; label < count; label++) {
    const map = bilinear(labels.subarray(label * h * w, (label + 1) * h * w), [h, w], [height, width]);
    stretch(map);
    map.forEach((value, i) => {
      if (value <= (most[i] as number)) return;
      most[i] = value;
      data[i] = label;
    });
  }
  return data;
}

/** torch.nn.functional.interpolate(mode="bilinear", align_corners=False). */
function bilinear(
  map: Float32Array,
  [h, w]: readonly [number, number],
  [height, width]: readonly [number, number],
): Float32Array {
  const out = new Float32Array(height * width);
  const columns = Array.from({ length: width }, (_, x) => taps(x, width, w));
  for (let y = 0; y < height; y++) {
    const [y0, y1, fy] = taps(y, height, h);
    columns.forEach(([x0, x1, fx], x) => {
      const top = (map[y0 * w + x0] as number) * (1 - fx) + (map[y0 * w + x1] as number) * fx;
      const bottom = (map[y1 * w + x0] as number) * (1 - fx) + (map[y1 * w + x1] as number) * fx;
      out[y * width + x] = top * (1 - fy) + bottom * fy;
    });
  }
  return out;
}

function taps(at: number, size: number, from: number): [low: number, high: number, weight: number] {
  const place = Math.max(0, ((at + 0.5) * from) / size - 0.5);
  const low = Math.min(from - 1, Math.floor(place));
  return [low, Math.min(from - 1, low + 1), place - low];
}

/** To 0..1 by the least and the greatest value; a map that is the same everywhere, but for rounding, stays as it is. */
function stretch(map: Float32Array): void {
  const least = map.reduce((a, b) => Math.min(a, b));
  const most = map.reduce((a, b) => Math.max(a, b));
  const range = most - least;
  if (range < 1e-6) return;
  map.forEach((value, i) => {
    map[i] = (value - least) / range;
  });
}
