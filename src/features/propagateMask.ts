// Segmentation of a video from the mask of its first frame, by the similarity of patches: the protocol with which DINO
// is evaluated on DAVIS (facebookresearch/dino: eval_video_segmentation.py; Jabri et al., 2020).
import { ArgumentError } from "../device/errors.ts";
import type { NdArray } from "../device/tensor.ts";
import { isA } from "../device/tensor.ts";
import { checkChannels, type PatchFeatures, patchRows, type Rows, unitRows } from "./featureRows.ts";

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

type Settings = Required<Omit<PropagateOptions, "signal">>;

/** A frame to learn from: its patches of unit length and their labels, a share per label and patch. */
interface Known {
  readonly unit: Rows;
  readonly labels: Float32Array;
}

/**
 * Carries the labels of the first frame through a video. Frames come in order, the first one first, all on one grid;
 * each gives a mask of `firstMask`'s size, the first its own. A mask of more cells than the grid is sampled to it
 * (nearest) and the results are interpolated back.
 *
 * @throws ArgumentError for a mask or options out of range, for frames of several grids or models, or with NaN; the
 * signal's reason when aborted.
 * @example
 * for await (const { data } of propagateMask(frames.map((frame) => dino.encodeImage(frame)), mask)) save(data);
 */
export async function* propagateMask(
  frames: Iterable<PatchFeatures | Promise<PatchFeatures>> | AsyncIterable<PatchFeatures>,
  firstMask: LabelMask,
  { signal, ...options }: PropagateOptions = {},
): AsyncGenerator<PropagatedMask> {
  const settings = settingsOf(options);
  checkMask(firstMask);
  const count = firstMask.data.reduce((most, label) => Math.max(most, label), 0) + 1;
  const { width, height } = firstMask;
  let grid: PatchFeatures["grid"] | undefined;
  let first: Known | undefined;
  const recent: Known[] = [];
  signal?.throwIfAborted();
  for await (const frame of frames) {
    signal?.throwIfAborted();
    const unit = unitRows(patchRows("propagateMask", frame));
    if (!first || !grid) {
      grid = frame.grid;
      first = { unit, labels: onehot(firstMask, count, grid) };
      yield { width, height, data: firstMask.data.slice(), probabilities: shares(first.labels, count, grid) };
      continue;
    }
    checkChannels("propagateMask", unit, first.unit);
    if (frame.grid.join() !== grid.join()) {
      throw new ArgumentError(
        `[propagateMask] a frame has a grid of ${frame.grid.join(" x ")}, the first ${grid.join(" x ")}: ` +
          "encode all at one size",
      );
    }
    const labels = propagate(unit, [first, ...recent], count, grid, settings);
    recent.push({ unit, labels });
    if (recent.length > settings.lastFrames) recent.shift();
    yield {
      width,
      height,
      data: hardLabels(labels, count, grid, [height, width]),
      probabilities: shares(labels, count, grid),
    };
  }
  if (!first) throw new ArgumentError("[propagateMask] got no frames, expected at least the first mask's own");
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
      let total = 0;
      similarities.forEach((similarity, i) => {
        if (similarity < least) return;
        const weight = Math.exp((similarity - 1) / temperature);
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
