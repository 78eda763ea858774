// Scaled dot-product attention (torch.nn.functional.scaled_dot_product_attention) over heads that lie side by side in a
// row, read by stride, so that q, k and v may be columns of one packed tensor. Scores are never stored
// (Milakov and Gimelshein 2018; Dao et al. 2022).

import source from "../../shaders/attention.wgsl";
import nanSource from "../../shaders/lib/nan.wgsl";
import { isCpu } from "../device/adapter.ts";
import { ShapeError } from "../device/errors.ts";
import { formatShape, lastDim, type Spec } from "../device/tensor.ts";
import { defineKernel, type Launch } from "./kernel.ts";

/** Where the columns of q, k or v begin in their tensors' rows; 0 when absent. */
export interface AttentionParams {
  readonly heads: number;
  /** Channels of q, k and v each: heads times head size. All columns of q when absent. */
  readonly channels?: number;
  readonly qOffset?: number;
  readonly kOffset?: number;
  readonly vOffset?: number;
  /** A query sees no later key; with fewer queries than keys they are the last ones. */
  readonly causal?: boolean;
  /** 1 / sqrt(head size) when absent. */
  readonly scale?: number;
}

function sizes(q: Spec, k: Spec, { heads, channels = lastDim(q) }: AttentionParams) {
  const [batch = 1, queries = 1] = q.shape;
  return { batch, queries, keys: k.shape[1] ?? 1, channels, D: channels / heads };
}

export const attention = defineKernel<AttentionParams>()({
  name: "attention",
  wgsl: [nanSource, source],
  inputs: ["q", "k", "v"],
  params: {
    batch: "u32",
    heads: "u32",
    queries: "u32",
    keys: "u32",
    qOffset: "u32",
    kOffset: "u32",
    vOffset: "u32",
    qStride: "u32",
    kStride: "u32",
    vStride: "u32",
    headSize: "u32",
    scale: "f32",
  },
  output: ({ q, k, v }, params) => {
    const { batch, queries, keys, channels, D } = sizes(q, k, params);
    const shapes = `q ${formatShape(q.shape)}, k ${formatShape(k.shape)}, v ${formatShape(v.shape)}`;
    if (q.shape.length !== 3 || k.shape.length !== 3 || v.shape.length !== 3) {
      throw new ShapeError(`[attention] q, k and v must be [batch, tokens, channels]: ${shapes}`);
    }
    if (k.shape[0] !== batch || v.shape[0] !== batch || v.shape[1] !== keys) {
      throw new ShapeError(`[attention] q, k and v must have one batch, k and v the same tokens: ${shapes}`);
    }
    if (!Number.isInteger(D))
      throw new ShapeError(`[attention] ${channels} channels do not divide into ${params.heads} heads`);
    const { qOffset = 0, kOffset = 0, vOffset = 0, causal } = params;
    if (qOffset + channels > lastDim(q) || kOffset + channels > lastDim(k) || vOffset + channels > lastDim(v)) {
      throw new ShapeError(`[attention] ${channels} channels from the offsets go beyond a row: ${shapes}`);
    }
    if (keys === 0 && queries > 0) throw new ShapeError(`[attention] there are no keys: ${shapes}`);
    if (causal && queries > keys) throw new ShapeError(`[attention] causal needs as many keys as queries: ${shapes}`);
    return { dtype: q.dtype, shape: [batch, queries, channels] };
  },
  launch: ({ q, k, v }, params, device) => {
    const { heads, qOffset = 0, kOffset = 0, vOffset = 0, causal = false } = params;
    const { batch, queries, keys, D } = sizes(q, k, params);
    const [qStride, kStride, vStride] = [lastDim(q), lastDim(k), lastDim(v)];
    const isWide = [D, qOffset, kOffset, vOffset, qStride, kStride, vStride].every((n) => n % 4 === 0);
    const variant = attentionVariants[isCpu(device.info.class) ? "registerTile" : "sharedKeys"];
    const { overrides, types, ...rest } = variant({ batch, queries, heads, D, isWide });
    return {
      ...rest,
      params: {
        batch,
        heads,
        queries,
        keys,
        qOffset,
        kOffset,
        vOffset,
        qStride,
        kStride,
        vStride,
        headSize: D,
        scale: (params.scale ?? 1 / Math.sqrt(D)) * Math.LOG2E,
      },
      types: { Elem: q.dtype, D: `${D}u`, ...types },
      overrides: { ...overrides, CAUSAL: causal ? 1 : 0 },
    };
  },
  flops: ({ q, k }, params) => {
    const { batch, queries, keys, channels } = sizes(q, k, params);
    return 4 * batch * queries * keys * channels;
  },
});

type Variant = Pick<Launch, "entryPoint" | "types" | "overrides" | "workgroups">;

interface Sizes {
  readonly batch: number;
  readonly queries: number;
  readonly heads: number;
  readonly D: number;
  /** Head size, offsets and strides are multiples of 4. */
  readonly isWide: boolean;
}

/** Variants by name; each gives the same result on every adapter. */
export const attentionVariants = {
  registerTile: ({ batch, queries, heads, D }: Sizes): Variant => {
    const WG = D <= 128 ? 8 : 4; // sums of 4 queries a thread within 16 KiB of workgroup memory
    return {
      entryPoint: "registerTile",
      types: { Word: "Elem", WIDTH: "1u" },
      overrides: { WG },
      workgroups: [Math.ceil(queries / (4 * WG)), heads, batch],
    };
  },
  sharedKeys: ({ batch, queries, heads, D, isWide }: Sizes): Variant => ({
    entryPoint: "sharedKeys",
    types: {
      ...(isWide ? { Word: "vec4<Elem>", WIDTH: "4u" } : { Word: "Elem", WIDTH: "1u" }),
      D4: `${Math.ceil(D / 4)}u`,
      KEYS: `${keysPerTile(D)}u`,
    },
    overrides: { WG: 64 },
    workgroups: [Math.ceil(queries / 64), heads, batch],
  }),
} as const;

/**
 * Keys of a tile: as many as fit 4 KiB of workgroup memory, and their values another 4; at least 4, as the loop takes
 * 4.
 */
function keysPerTile(D: number): number {
  return Math.max(4, Math.min(32, 2 ** Math.floor(Math.log2(4096 / (Math.ceil(D / 4) * 16)))));
}
