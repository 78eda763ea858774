// Reference and cases of attention.
import { type AttentionParams, attention } from "../../kernels/attention.ts";
import { mostOf } from "../../kernels/length.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

interface AttentionCase extends Omit<AttentionParams, "keys"> {
  readonly batch: number;
  readonly queries: number;
  /** Rows of k and v. */
  readonly keys?: number;
  /** The parameter `keys`. */
  readonly seen?: number;
  readonly D: number;
}

/** Separate q, k and v, or one packed tensor when there are as many keys as queries. */
function separate({ batch, queries, keys = queries, seen, D, ...rest }: AttentionCase): KernelCase {
  const channels = rest.heads * D;
  const params = { ...rest, ...(seen !== undefined && { keys: seen }) };
  return { inputs: { q: [batch, queries, channels], k: [batch, keys, channels], v: [batch, keys, channels] }, params };
}

function packed({ batch, queries, D, ...params }: AttentionCase): KernelCase {
  const channels = params.heads * D;
  const qkv = [batch, queries, 3 * channels];
  return {
    inputs: { q: qkv, k: qkv, v: qkv },
    params: { ...params, channels, kOffset: channels, vOffset: 2 * channels },
  };
}

// Of keys that different threads have, in all variants.
const HIGH: Record<number, number> = { 5: 30, 28: 29.97, 40: 29.97 };

const HEAD_SIZES = [14, 16, 32, 56, 72, 80, 96, 128, 256];

/** Packed tokens of a map, with what the window and relative positions need. */
interface MapCase extends AttentionParams {
  readonly batch?: number;
  readonly D: number;
  readonly grid: readonly [number, number];
  readonly extras?: readonly ("pad" | "rel" | "bias")[];
}

function map({ batch = 1, D, extras = [], ...params }: MapCase, why?: string): KernelCase {
  const { heads, grid, window } = params;
  const channels = heads * D;
  const [height, width] = window ? [window, window] : grid;
  const qkv = [batch, grid[0] * grid[1], 3 * channels];
  const shapes = {
    pad: [3 * channels],
    rel: [batch, grid[0] * grid[1], heads, height + width],
    bias: [heads, 2 * height - 1, 2 * width - 1],
  };
  return {
    inputs: { q: qkv, k: qkv, v: qkv, ...Object.fromEntries(extras.map((name) => [name, shapes[name]])) },
    params: { ...params, channels, kOffset: channels, vOffset: 2 * channels },
    ...(why && { why }),
  };
}

type Inputs = Readonly<Record<"q" | "k" | "v", HostTensor> & Partial<Record<"pad" | "rel" | "bias", HostTensor>>>;

/** A key that a query sees: its row of k and v, or -1 where it lies beyond the map, and its place in the window. */
interface Seen {
  readonly row: number;
  readonly y: number;
  readonly x: number;
}

interface Query {
  /** Its place in the window. */
  readonly y: number;
  readonly x: number;
  readonly seen: readonly Seen[];
}

/** A query, given as its batch element and its token. */
function queryOf(batch: number, token: number, { q, k, pad }: Inputs, params: AttentionParams): Query {
  const [queries, keys] = [q.shape[1] as number, k.shape[1] as number];
  if (!params.grid) {
    const count = params.causal ? token + 1 + keys - queries : mostOf(params.keys ?? keys);
    return { y: 0, x: 0, seen: Array.from({ length: count }, (_, x) => ({ row: batch * keys + x, y: 0, x })) };
  }
  const [height, width] = params.grid;
  const [rows, columns] = params.window ? [params.window, params.window] : params.grid;
  const [top, left] = [Math.floor(token / width), token % width].map((n, axis) => n - (n % (axis ? columns : rows)));
  const seen: Seen[] = [];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const [down, right] = [(top as number) + y, (left as number) + x];
      if (down < height && right < width) seen.push({ row: (batch * height + down) * width + right, y, x });
      else if (pad) seen.push({ row: -1, y, x });
    }
  }
  return { y: Math.floor(token / width) % rows, x: (token % width) % columns, seen };
}

/** Position score of a key; `at`: the query's row. */
function positionScore(
  at: number,
  head: number,
  query: Query,
  { y, x }: Seen,
  inputs: Inputs,
  params: AttentionParams,
) {
  const { rel, bias } = inputs;
  const [rows = 0, columns = 0] = params.window ? [params.window, params.window] : (params.grid ?? []);
  if (rel) {
    const first = (at * params.heads + head) * (rows + columns);
    return (rel.data[first + y] as number) + (rel.data[first + rows + x] as number);
  }
  const [down, across] = [query.y - y + rows - 1, query.x - x + columns - 1];
  return bias?.data[(head * (2 * rows - 1) + down) * (2 * columns - 1) + across] ?? 0;
}

export const attentionSuite = defineSuite<AttentionParams>({
  kernel: attention,
  reference: (all, params) => {
    const inputs = all as unknown as Inputs;
    const { q, k, v, pad } = inputs;
    const { heads, qOffset = 0, kOffset = 0, vOffset = 0 } = params;
    const [batch, queries, qStride] = q.shape as [number, number, number];
    const [kStride, vStride] = [k.shape[2] as number, v.shape[2] as number];
    const channels = params.channels ?? qStride;
    const D = channels / heads;
    const scale = params.scale ?? 1 / Math.sqrt(D);
    const out = new Float64Array(batch * queries * channels);
    for (let at = 0; at < batch * queries; at++) {
      const query = queryOf(Math.floor(at / queries), at % queries, inputs, params);
      for (let head = 0; head < heads; head++) {
        let total = 0;
        const sums = out.subarray(at * channels + head * D, at * channels + (head + 1) * D);
        const qAt = at * qStride + qOffset + head * D;
        for (const key of query.seen) {
          const [keys, values] = key.row < 0 && pad ? [pad.data, pad.data] : [k.data, v.data];
          const kAt = Math.max(0, key.row) * kStride + kOffset + head * D;
          const vAt = Math.max(0, key.row) * vStride + vOffset + head * D;
          let dot = 0;
          for (let d = 0; d < D; d++) dot += (q.data[qAt + d] as number) * (keys[kAt + d] as number);
          const weight = Math.exp(dot * scale + positionScore(at, head, query, key, inputs, params));
          total += weight;
          for (let d = 0; d < D; d++) sums[d] = (sums[d] as number) + weight * (values[vAt + d] as number);
        }
        for (let d = 0; d < D; d++) sums[d] = (sums[d] as number) / total;
      }
    }
    return out;
  },
  cases: [
    separate({ batch: 1, queries: 1, heads: 1, D: 4 }),
    separate({ batch: 2, queries: 5, keys: 19, heads: 3, D: 8 }),
    separate({ batch: 1, queries: 3, keys: 1, heads: 2, D: 5 }),
    packed({ batch: 1, queries: 50, heads: 2, D: 64 }),
    packed({ batch: 2, queries: 65, heads: 1, D: 64 }),
    packed({ batch: 1, queries: 197, heads: 1, D: 32 }),
    packed({ batch: 2, queries: 77, heads: 2, D: 16, causal: true }),
    separate({ batch: 1, queries: 3, keys: 10, heads: 1, D: 16, causal: true }),
    separate({ batch: 1, queries: 9, heads: 2, D: 8, scale: 3 }),
    separate({ batch: 2, queries: 5, keys: 19, seen: 7, heads: 3, D: 8 }),
    separate({ batch: 3, queries: 9, keys: 70, seen: 33, heads: 1, D: 64 }),
    separate({ batch: 2, queries: 4, keys: 8, seen: 1, heads: 1, D: 16 }),
    ...HEAD_SIZES.map((D) => packed({ batch: 1, queries: 17, heads: 2, D })),
    separate({ batch: 0, queries: 4, heads: 2, D: 8 }),
    map({ grid: [4, 6], window: 2, heads: 2, D: 8 }, "whole windows"),
    map({ grid: [5, 7], window: 3, heads: 2, D: 8 }, "keys beyond the map are left out"),
    map({ grid: [5, 7], window: 3, heads: 2, D: 14, batch: 2, extras: ["pad"] }, "one row beyond the map"),
    map({ grid: [3, 2], window: 5, heads: 1, D: 8, extras: ["pad", "rel"] }, "a window larger than the map"),
    map({ grid: [1, 1], window: 4, heads: 1, D: 4, extras: ["pad", "bias"] }, "one query"),
    map({ grid: [9, 5], window: 4, heads: 2, D: 14, batch: 2, extras: ["pad", "rel"] }),
    map({ grid: [14, 20], window: 14, heads: 1, D: 16, extras: ["pad", "rel"] }),
    map({ grid: [5, 7], heads: 3, D: 14, batch: 2, extras: ["rel"] }, "one window as large as the map"),
    map({ grid: [17, 9], heads: 1, D: 32, extras: ["rel"] }),
    map({ grid: [8, 12], heads: 2, D: 16, batch: 2, extras: ["rel"] }, "scores of four keys of a row are neighbours"),
    map({ grid: [10, 14], window: 6, heads: 2, D: 8, extras: ["pad", "rel"] }, "scores of two keys are"),
    map({ grid: [13, 20], window: 8, heads: 1, D: 64, extras: ["pad", "rel"] }, "the map ends within a window"),
    map({ grid: [9, 10], window: 7, heads: 2, D: 32, batch: 2, extras: ["pad", "bias"] }),
    map({ grid: [8, 8], window: 4, heads: 2, D: 16, extras: ["bias"] }, "differences in whole windows"),
    map({ grid: [3, 5], heads: 2, D: 8, extras: ["bias"] }, "differences on a map that is not square"),
    {
      inputs: { q: { shape: [1, 8, 16], low: -60, high: 60 }, k: [1, 40, 16], v: [1, 40, 16] },
      params: { heads: 1, scale: 1 },
      why: "scores of hundreds: exp without the maximum would overflow",
      dtypes: ["f32"],
    },
    {
      inputs: {
        q: { shape: [1, 40, 16], low: 0.5, high: 1 },
        k: {
          shape: [1, 100, 16],
          data: Array.from({ length: 1600 }, (_, i) => [0, 2, 4, 3][Math.floor(i / 512)] ?? 0),
        },
        v: [1, 100, 16],
      },
      params: { heads: 1 },
      why: "scores that rise and fall with the keys: earlier sums follow",
    },
    {
      inputs: {
        q: { shape: [1, 20, 16], low: 0.5, high: 1 },
        k: { shape: [1, 64, 16], data: Array.from({ length: 1024 }, (_, i) => HIGH[Math.floor(i / 16)] ?? 0) },
        v: { shape: [1, 64, 16], data: Array.from({ length: 1024 }, (_, i) => (Math.floor(i / 16) === 5 ? 4 : 0)) },
      },
      params: { heads: 1 },
      why: "three high scores that f16 hardly tells apart: all threads take one largest",
      dtypes: ["f16"],
    },
    {
      inputs: {
        q: { shape: [1, 3, 4], data: [1, 2, 3, 4, 1, Number.NaN, 3, 4, 4, 3, 2, 1] },
        k: [1, 5, 4],
        v: [1, 5, 4],
      },
      params: { heads: 1 },
      why: "NaN stays where it is",
    },
    {
      inputs: {
        q: [1, 5, 16],
        k: { shape: [1, 600, 16], low: 0, high: 0 },
        v: { shape: [1, 600, 16], low: 900, high: 999 },
      },
      params: { heads: 1 },
      why: "values of which f16 does not hold the sum of a thread",
    },
    {
      inputs: {
        q: [1, 6, 4],
        k: { shape: [1, 6, 4], data: Array.from({ length: 24 }, (_, i) => (i === 17 ? Number.NaN : i / 24)) },
        v: [1, 6, 4],
        pad: [4],
      },
      params: { heads: 1, grid: [2, 3], window: 2 },
      why: "NaN stays in its window",
    },
    {
      inputs: {
        q: { shape: [1, 12, 8], low: -9, high: 9 },
        k: { shape: [1, 12, 8], low: -9, high: 9 },
        v: [1, 12, 8],
        pad: { shape: [8], low: -9, high: 9 },
        rel: { shape: [1, 12, 1, 6], low: -60, high: 60 },
      },
      params: { heads: 1, grid: [4, 3], window: 3 },
      why: "position scores of tens, and padding that outweighs the keys",
      dtypes: ["f32"],
    },
  ],
  rejects: [
    {
      inputs: { q: [1, 4, 8], k: [1, 4, 8], v: [1, 4, 8] },
      params: { heads: 2, keys: 5 },
      message: "keys is 5, expected a whole number up to 4",
    },
    {
      inputs: { q: [1, 4, 8], k: [1, 4, 8], v: [1, 4, 8] },
      params: { heads: 2, keys: 3, causal: true },
      message: "keys excludes causal and grid",
    },
    {
      inputs: { q: [1, 4, 10], k: [1, 4, 10], v: [1, 4, 10] },
      params: { heads: 3 },
      message: "10 channels do not divide into 3 heads",
    },
    { inputs: { q: [1, 4, 8], k: [2, 4, 8], v: [2, 4, 8] }, params: { heads: 2 }, message: "one batch" },
    {
      inputs: { q: [1, 4, 8], k: [1, 4, 8], v: [1, 4, 8] },
      params: { heads: 2, vOffset: 4 },
      message: "go beyond a row",
    },
    { inputs: { q: [1, 4, 8], k: [1, 4, 8], v: [1, 4, 8] }, params: { heads: 2, window: 2 }, message: "need grid" },
    {
      inputs: { q: [1, 4, 8], k: [1, 4, 8], v: [1, 4, 8] },
      params: { heads: 2, grid: [2, 3] },
      message: "grid [2, 3] is not of 4 queries",
    },
    {
      inputs: { q: [1, 4, 8], k: [1, 4, 8], v: [1, 4, 8] },
      params: { heads: 2, grid: [2, 2], window: 0 },
      message: "window is 0",
    },
    {
      inputs: { q: [1, 4, 8], k: [1, 4, 8], v: [1, 4, 8], rel: [1, 4, 2, 5] },
      params: { heads: 2, grid: [2, 2] },
      message: "rel has shape [1, 4, 2, 5], expected [1, 4, 2, 4]",
    },
    {
      inputs: { q: [1, 4, 8], k: [1, 4, 8], v: [1, 4, 8], rel: [1, 4, 2, 4], bias: [2, 4] },
      params: { heads: 2, grid: [2, 2] },
      message: "exclude each other",
    },
    {
      inputs: { q: [1, 4, 8], k: [1, 4, 8], v: [1, 4, 8], pad: [7] },
      params: { heads: 2, grid: [2, 2] },
      message: "pad has shape [7], expected [8]",
    },
  ],
  tolerance: { f32: 2e-5, f16: 2e-3 },
});
