// What is timed: every kernel at the shapes at which CLIP, DINO and SAM call it.
import { resizeCoefficients } from "../src/kernels/resize.ts";
import type { CaseInput } from "../src/verify/suite.ts";
import { attention, conv2d, type KernelRow, linear, type RowInputs, row } from "../src/verify/timing/benchRows.ts";

/** An input that is f32 whatever is timed. */
const f32 = (shape: readonly number[]) => ({ shape, dtype: "f32" as const });

const large = (made: KernelRow): KernelRow => ({ ...made, isLarge: true });

const SAM_B = { heads: 12, grid: [64, 64] };

/** Packed q, k and v of a square map, in windows or over the whole map, with or without relative positions. */
function samAttention(what: string, heads: number, side: number, { window, hasRel = true }: SamAttention = {}) {
  const channels = heads * 64;
  const qkv = [1, side * side, 3 * channels];
  const params = { heads, grid: [side, side], channels, kOffset: channels, vOffset: 2 * channels, window };
  const rel = hasRel && { rel: [1, side * side, heads, 2 * (window ?? side)] };
  const pad = window && { pad: [3 * channels] };
  return row("attention", what, { q: qkv, k: qkv, v: qkv, ...rel, ...pad }, params);
}

interface SamAttention {
  readonly window?: number;
  readonly hasRel?: boolean;
}

/** One pass of Pillow's bicubic resize. */
function resize(
  what: string,
  shape: readonly [number, number],
  axis: "horizontal" | "vertical",
  size: number,
): KernelRow {
  const { starts, weights, taps } = resizeCoefficients(shape[axis === "horizontal" ? 1 : 0], size, "bicubic");
  const inputs: RowInputs = {
    image: { shape, dtype: "u32", high: 2 ** 32 },
    starts: { shape: [size], dtype: "i32", data: starts },
    weights: { shape: [size, taps], dtype: "i32", data: weights },
  };
  return row("resize", what, inputs, { axis });
}

const picture = (height: number, width: number): CaseInput => ({ shape: [height, width], dtype: "u32", high: 2 ** 32 });
const NORMALIZE = { mean: [0.481, 0.457, 0.408], std: [0.268, 0.261, 0.275] };

const products: readonly KernelRow[] = [
  row("matmul", "square", { a: [1024, 1024], b: [1024, 1024] }),
  linear("CLIP B/32 fc1", [50, 768, 3072], { activation: "quickGelu" }),
  linear("CLIP B/32 fc2", [50, 3072, 768], {}, { residual: [50, 768] }),
  linear("CLIP text fc1", [77, 512, 2048], { activation: "quickGelu" }),
  linear("DINO S/16 qkv", [197, 384, 1152]),
  linear("DINO S/16 fc1", [197, 384, 1536], { activation: "gelu" }),
  linear("CLIP projection", [1, 768, 512]),
  large(linear("SAM B qkv", [4096, 768, 2304])),
  attention("CLIP B/32", [1, 50, 12, 64]),
  attention("CLIP text", [1, 77, 8, 64], { causal: true }),
  attention("DINO S/16", [1, 197, 6, 64]),
  attention("1024 tokens", [1, 1024, 6, 64]),
  large(samAttention("SAM B window", 12, 64, { window: 14 })),
  large(samAttention("SAM B window, no positions", 12, 64, { window: 14, hasRel: false })),
  large(samAttention("SAM B global, 3 heads", 3, 64)),
  large(samAttention("SAM B global, 3 heads, no positions", 3, 64, { hasRel: false })),
  row("relativePositions", "SAM B window", { q: [1, 4096, 2304], table: [54, 64] }, { ...SAM_B, window: 14 }),
  row("relativePositions", "SAM B global", { q: [1, 4096, 2304], table: [254, 64] }, SAM_B),
  conv2d("RN50 stem", [1, 224, 224, 3], [64, 3, 7, 7], { stride: 2, padding: 3, activation: "relu" }),
  conv2d("RN50 layer1 3x3", [1, 56, 56, 64], [64, 64, 3, 3], { padding: 1, activation: "relu" }),
  conv2d("RN50 layer4 3x3", [1, 7, 7, 512], [512, 512, 3, 3], { padding: 1, activation: "relu" }),
  conv2d("RN50 layer2 3x3", [1, 28, 28, 128], [128, 128, 3, 3], { padding: 1, activation: "relu" }),
  conv2d("RN50 layer3 3x3", [1, 14, 14, 256], [256, 256, 3, 3], { padding: 1, activation: "relu" }),
  conv2d("RN50 layer3 shortcut", [1, 28, 28, 512], [1024, 512, 1, 1], { stride: 2 }),
  conv2d("MobileSAM depthwise", [1, 128, 128, 128], [128, 1, 3, 3], { padding: 1, groups: 128 }),
  row("winogradInput", "RN50 layer1 3x3", { x: [1, 56, 56, 64] }, { padding: 1 }),
  row("matmul", "RN50 layer1 3x3, Winograd's", { a: [16, 784, 64], b: [16, 64, 64] }),
  row(
    "winogradOutput",
    "RN50 layer1 3x3",
    { m: [16, 784, 64], bias: [64] },
    { places: [1, 56, 56], activation: "relu" },
  ),
  row("splitSum", "CLIP B/32 fc2 in 8 parts", { parts: [8, 50, 768], bias: [768], residual: [50, 768] }),
  row("innerProduct", "search of 16,384 rows", { queries: f32([512, 1]), rows: [16384, 512] }),
  row("innerProduct", "64 searches of 16,384 rows", {
    queries: { shape: [512, 64], dtype: "f32" },
    rows: [16384, 512],
  }),
  row("similarity", "1000 labels", { a: [1, 512], b: [1000, 512], logitScale: [1] }, { exp: true }),
];

const rowwise: readonly KernelRow[] = [
  row("layerNorm", "CLIP B/32", { x: [50, 768], gamma: [768], beta: [768] }, { eps: 1e-5 }),
  row("layerNorm", "SAM B", { x: [4096, 768], gamma: [768], beta: [768] }, { eps: 1e-6 }),
  row("softmax", "DINO S/16 attention map", { x: [1182, 197] }),
  row("l2Normalize", "1000 embeddings", { x: [1000, 512] }),
  row("argmax", "1000 labels", { x: [64, 1000] }),
  row("topK", "best 5 of 1000 labels", { x: [64, 1000] }, { k: 5 }),
  row("topK", "best 300 of 8400 boxes", { x: [1, 8400] }, { k: 300 }),
  row("topK", "best 10 of 64 searches", { x: [64, 16384] }, { k: 10 }),
  row("meanPool", "RN50", { x: [1, 49, 2048] }),
  row("localSimilarity", "DINO S/16, 480p", { a: [1620, 384], b: [8, 1620, 384] }, { grid: [30, 54], reach: 12 }),
  row(
    "mixLabels",
    "DINO S/16, 480p, 3 labels",
    { similarities: f32([1620, 8, 25, 25]), largest: f32([1620, 5]), labels: f32([8, 1620, 3]) },
    { grid: [30, 54], temperature: 0.1 },
  ),
  row("stableMask", "SAM 2, 8 prompts", { masks: [8, 4, 256 * 256], scores: [8, 4] }, { delta: 0.05, threshold: 0.98 }),
];

const elementwise: readonly KernelRow[] = [
  row("batchNorm", "RN50 layer4 3x3 folded", { x: [512, 512, 3, 3], variance: [512], gamma: [512] }),
  row("unary", "DINO S/16 gelu", { x: [197, 1536] }, { kind: "gelu" }),
  row("binary", "SAM B residual", { a: [4096, 768], b: [4096, 768] }, { op: "add" }),
  row(
    "cast",
    "CLIP B/32 fc1 from F16",
    { x: { shape: [768 * 1536], dtype: "u32", high: 2 ** 30 } },
    {
      from: "F16",
      to: "f32",
      shape: [768, 3072],
    },
  ),
];

/** Powers of 2, by which every adapter divides exactly. */
const UNITS: CaseInput = { shape: [3072], dtype: "f32", data: new Float32Array(3072).fill(2 ** -7) };

const moves: readonly KernelRow[] = [
  row("unfold", "CLIP B/32", { x: [1, 224, 224, 3] }, { patch: 32 }),
  row("unfold", "SAM B", { x: [1, 1024, 1024, 3] }, { patch: 16 }),
  row("prepend", "DINO S/16", { x: [1, 196, 384], token: [384], positions: [197, 384] }),
  {
    ...row("gather", "CLIP text", { ids: { shape: [77], dtype: "u32", high: 4096 }, table: [4096, 512] }),
    bytes: 77 * (2 * 512 + 1) * 4,
  },
  row("transpose", "CLIP B/32 fc1 packed", { x: [3072, 768] }, { padTo: 4 }),
  row("channelScale", "CLIP B/32 fc1", { x: [768, 3072] }, { axis: -1 }),
  row("quantise", "CLIP B/32 fc1", { x: [768, 3072], scale: UNITS }, { axis: -1 }),
  row("permute", "heads of DINO S/16", { x: [1, 197, 6, 64] }, { dims: [0, 2, 1, 3] }),
  row("concat", "q, k and v of CLIP B/32", { a: [768, 768], b: [1536, 768] }, { axis: 0 }),
  row(
    "rope",
    "queries of DINOv3 S/16",
    { x: [1, 201, 384], cosine: { shape: [196, 64], dtype: "f32" }, sine: { shape: [196, 64], dtype: "f32" } },
    { heads: 6, prefix: 5 },
  ),
  {
    ...row("writeRows", "a map into a memory of 7", { rows: [4096, 64] }, { shape: [7 * 4096, 64], at: 4096 }),
    bytes: 2 * 4096 * 64 * 4,
  },
  row("narrow", "patches of DINO S/16", { x: [1, 197, 384] }, { axis: 1, start: 1, length: 196 }),
];

const pictures: readonly KernelRow[] = [
  resize("640 x 480 to 298 x 480", [480, 640], "horizontal", 298),
  resize("298 x 480 to 298 x 224", [480, 298], "vertical", 224),
  row("normalizeImage", "CLIP", { image: picture(224, 298) }, { ...NORMALIZE, left: 37, width: 224 }),
  row("normalizeImage", "SAM", { image: picture(768, 1024) }, { ...NORMALIZE, height: 1024, kept: [768, 1024] }),
  row(
    "interpolate",
    "DINO S/16 positions at 480",
    { x: [196, 384] },
    {
      grid: [14, 14],
      size: [30, 30],
      mode: "bicubic",
    },
  ),
  row("pool2d", "RN50 stem", { x: [1, 112, 112, 64] }, { kind: "max", kernel: 3, stride: 2, padding: 1 }),
];

/** Logits of 3 masks in blocks of 1 and -1: few places are near a threshold, so that rounding decides no bit. */
const BLOCKS: CaseInput = {
  shape: [3, 256, 256],
  dtype: "f32",
  data: Float32Array.from({ length: 3 * 256 * 256 }, (_, i) => (((i >> 5) + (i >> 13)) % 2 ? 1 : -1)),
};

const segmentation: readonly KernelRow[] = [
  row(
    "positionCode",
    "SAM's places of 64 x 64",
    { coords: { shape: [4096, 2], dtype: "f32" }, gaussian: { shape: [2, 128], dtype: "f32" } },
    {},
  ),
  row("pixelShuffle", "SAM's masks", { x: [1, 4096, 16, 4] }, { grid: [64, 64], levels: 2 }),
  row(
    "maskUpsample",
    "SAM, bits of 3 masks",
    { x: BLOCKS },
    { square: 1024, cut: [768, 1024], size: [480, 640], threshold: 0.013 },
  ),
];

/** Every row, kernel by kernel. */
export const ROWS: readonly KernelRow[] = [
  ...products,
  ...rowwise,
  ...elementwise,
  ...moves,
  ...pictures,
  ...segmentation,
];
