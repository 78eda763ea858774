// Scaled dot-product attention (torch.nn.functional.scaled_dot_product_attention) over heads that lie side by side in a
// row, read by stride, so that q, k and v may be columns of one packed tensor; over all tokens or in windows of a map,
// with relative positions. Scores are never stored (Milakov and Gimelshein 2018; Dao et al. 2022).

import source from "../../shaders/attention.wgsl";
import nanSource from "../../shaders/lib/nan.wgsl";
import softmaxSource from "../../shaders/lib/softmax.wgsl";
import windowsSource from "../../shaders/lib/windows.wgsl";
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { expectShape, formatShape, lastDim, type Spec } from "../device/tensor.ts";
import { ATTENTION_TABLE } from "./attentionTiles.ts";
import { defineKernel } from "./kernel.ts";
import { type Length, mostOf } from "./length.ts";
import { variantsOf } from "./variants.ts";

/** Where the columns of q, k or v begin in their tensors' rows; 0 when absent. */
export interface AttentionParams {
  /** Number of heads. */
  readonly heads: number;
  /** Channels of q, k and v each: heads times head size. All columns of q when absent. */
  readonly channels?: number;
  /** Where the columns of q begin in its rows; 0 when absent. */
  readonly qOffset?: number;
  /** As qOffset, for k. */
  readonly kOffset?: number;
  /** As qOffset, for v. */
  readonly vOffset?: number;
  /** A query sees no later key; with fewer queries than keys they are the last ones. */
  readonly causal?: boolean;
  /** 1 / sqrt(head size) when absent. */
  readonly scale?: number;
  /** Tokens are the places [height, width] of a map, row by row. Needed for windows and relative positions. */
  readonly grid?: readonly [number, number];
  /** Only the first so many rows of k and v are looked at, all when absent; with none, the result is NaN. */
  readonly keys?: number | Length;
  /** Side of the windows that the map is cut into; tokens of one window see each other. The whole map when absent. */
  readonly window?: number | undefined;
}

type Inputs = Readonly<Record<"q" | "k" | "v", Spec> & Partial<Record<"pad" | "rel" | "bias", Spec>>>;

function sizes({ q, k }: Inputs, params: AttentionParams) {
  const { heads, channels = lastDim(q), grid, window } = params;
  const [batch = 1, queries = 1] = q.shape;
  const [height, width] = grid ?? [1, queries];
  const [windowHeight, windowWidth] = window ? [window, window] : [height, width];
  const windows = Math.ceil(height / windowHeight) * Math.ceil(width / windowWidth);
  const keyRows = k.shape[1] ?? 1;
  const keys = mostOf(params.keys ?? keyRows);
  return {
    batch,
    queries,
    keys,
    keyRows,
    channels,
    D: channels / heads,
    height,
    width,
    windowHeight,
    windowWidth,
    windows,
  };
}

function checkShapes(inputs: Inputs, params: AttentionParams): void {
  const { q, k, v } = inputs;
  const { batch, queries, keys, keyRows, channels, D } = sizes(inputs, params);
  const shapes = `q ${formatShape(q.shape)}, k ${formatShape(k.shape)}, v ${formatShape(v.shape)}`;
  if (q.shape.length !== 3 || k.shape.length !== 3 || v.shape.length !== 3) {
    throw new ShapeError(`[attention] q, k and v must be [batch, tokens, channels]: ${shapes}`);
  }
  if (k.shape[0] !== batch || v.shape[0] !== batch || v.shape[1] !== keyRows) {
    throw new ShapeError(`[attention] q, k and v must have one batch, k and v the same tokens: ${shapes}`);
  }
  if (!Number.isInteger(D))
    throw new ShapeError(`[attention] ${channels} channels do not divide into ${params.heads} heads`);
  if (!Number.isInteger(keys) || keys < 0 || keys > keyRows) {
    throw new ShapeError(`[attention] keys is ${keys}, expected a whole number up to ${keyRows}: ${shapes}`);
  }
  const { qOffset = 0, kOffset = 0, vOffset = 0, causal } = params;
  if (params.keys !== undefined && (causal || params.grid)) {
    throw new ArgumentError("[attention] keys excludes causal and grid");
  }
  if (qOffset + channels > lastDim(q) || kOffset + channels > lastDim(k) || vOffset + channels > lastDim(v)) {
    throw new ShapeError(`[attention] ${channels} channels from the offsets go beyond a row: ${shapes}`);
  }
  if (keys === 0 && queries > 0) throw new ShapeError(`[attention] there are no keys: ${shapes}`);
  if (causal && queries > keys) throw new ShapeError(`[attention] causal needs as many keys as queries: ${shapes}`);
}

function checkPositions(inputs: Inputs, params: AttentionParams): void {
  const { k, v, pad, rel, bias } = inputs;
  const { heads, grid, window = 1, causal } = params;
  const { batch, queries, keys, windowHeight, windowWidth } = sizes(inputs, params);
  if (!grid) {
    if (params.window === undefined && !pad && !rel && !bias) return;
    throw new ArgumentError("[attention] window, pad, rel and bias need grid: [height, width] of the tokens");
  }
  if (causal) throw new ArgumentError("[attention] causal and grid exclude each other");
  if (!Number.isInteger(window) || window < 1) {
    throw new ArgumentError(`[attention] window is ${window}, expected a whole number from 1`);
  }
  if (grid[0] * grid[1] !== queries || queries !== keys) {
    throw new ShapeError(`[attention] grid ${formatShape(grid)} is not of ${queries} queries and ${keys} keys`);
  }
  if (rel && bias) throw new ArgumentError("[attention] rel and bias exclude each other");
  if (pad) {
    expectShape("attention", "pad", pad.shape, [lastDim(k)], "a row of k");
    expectShape("attention", "pad", pad.shape, [lastDim(v)], "a row of v");
  }
  const positions = [batch, queries, heads, windowHeight + windowWidth];
  if (rel) expectShape("attention", "rel", rel.shape, positions, "[batch, tokens, heads, rows + columns of a window]");
  if (bias) expectShape("attention", "bias", bias.shape, [heads, 2 * windowHeight - 1, 2 * windowWidth - 1]);
}

export const attention = /* @__PURE__ */ defineKernel<AttentionParams>()({
  name: "attention",
  wgsl: [nanSource, softmaxSource, windowsSource, source],
  inputs: ["q", "k", "v", "pad", "rel", "bias"],
  optional: ["pad", "rel", "bias"],
  params: {
    heads: "u32",
    queries: "u32",
    keys: "u32",
    keyRows: "u32",
    qOffset: "u32",
    kOffset: "u32",
    vOffset: "u32",
    qStride: "u32",
    kStride: "u32",
    vStride: "u32",
    headSize: "u32",
    scale: "f32",
    height: "u32",
    width: "u32",
    windowHeight: "u32",
    windowWidth: "u32",
  },
  output: (inputs, params) => {
    checkShapes(inputs, params);
    checkPositions(inputs, params);
    const { batch, queries, channels } = sizes(inputs, params);
    return { dtype: inputs.q.dtype, shape: [batch, queries, channels] };
  },
  launch: (inputs, params) => {
    const { q, k, v, pad, rel, bias } = inputs;
    const { heads, qOffset = 0, kOffset = 0, vOffset = 0, causal = false, grid } = params;
    const { queries, keys, keyRows, D, height, width, windowHeight, windowWidth } = sizes(inputs, params);
    const [qStride, kStride, vStride] = [lastDim(q), lastDim(k), lastDim(v)];
    return {
      params: {
        ...{ heads, queries, keys: params.keys ?? keys, keyRows },
        ...{ qOffset, kOffset, vOffset, qStride, kStride, vStride, headSize: D },
        scale: (params.scale ?? 1 / Math.sqrt(D)) * Math.LOG2E,
        ...{ height, width, windowHeight, windowWidth },
      },
      types: { Elem: q.dtype },
      overrides: {
        CAUSAL: causal ? 1 : 0,
        GRID: grid ? 1 : 0,
        HAS_PAD: pad ? 1 : 0,
        HAS_REL: rel ? 1 : 0,
        HAS_BIAS: bias ? 1 : 0,
      },
    };
  },
  variants: (inputs, params) => {
    const { batch, D, height, width, windowHeight, windowWidth, windows } = sizes(inputs, params);
    const queries = Math.min(windowHeight, height) * Math.min(windowWidth, width);
    const { qOffset = 0, kOffset = 0, vOffset = 0, heads } = params;
    const columns = [D, qOffset, kOffset, vOffset, ...[inputs.q, inputs.k, inputs.v].map(lastDim)];
    const rowWidth = columns.every((count) => count % 4 === 0) ? 4 : 1;
    const isWhole = (count: number) => [width, windowWidth, windowHeight].every((length) => length % count === 0);
    const neighbours = inputs.rel ? ([4, 2].find(isWhole) ?? 1) : 0;
    return variantsOf(ATTENTION_TABLE, {
      neighbours,
      parts: batch * windows,
      queries,
      heads,
      D,
      rowWidth,
      dtype: inputs.q.dtype,
    });
  },
  flops: (inputs, params) => {
    const { batch, queries, keys, channels, ...map } = sizes(inputs, params);
    const pairs = params.grid
      ? squares(map.height, map.windowHeight) * squares(map.width, map.windowWidth)
      : queries * keys;
    return 4 * batch * pairs * channels;
  },
});

/** Sum of squared lengths of the parts that an axis is cut into. */
function squares(length: number, part: number): number {
  return Math.floor(length / part) * part ** 2 + (length % part) ** 2;
}
