// SAM's masks at the size of the picture (segment-anything: modeling/sam.py, postprocess_masks): two bilinear resizes
// with a cut between them, as logits, or as bits of those above a threshold; of all masks, or of those that `ids` name.
import invocationSource from "../../shaders/lib/invocation.wgsl";
import maskUpsampleSource from "../../shaders/maskUpsample.wgsl";
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { formatShape, type Spec, sizeOf } from "../device/tensor.ts";
import { expectFloat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import { type Length, mostOf } from "./length.ts";

export interface MaskUpsampleParams {
  /** Side of the padded square. */
  readonly square: number;
  /** The part of the square, from its top left corner, that the picture takes. */
  readonly cut: readonly [height: number, width: number];
  /** The picture's size. */
  readonly size: readonly [height: number, width: number];
  /**
   * Gives bits of the logits above it, u32 [masks, W, ceil(H / 32)], column by column with bit i of a word for its row
   * i; logits f32 [masks, H, W] when absent.
   */
  readonly threshold?: number;
  /** Gives three such planes, u32 [masks, 3, W, ceil(H / 32)]: at the threshold, and moved up and down by this. */
  readonly offset?: number;
  /** Rows of the picture to make, and the first of them: H is their number in the result. All when absent. */
  readonly rows?: MaskRows;
}

/** Some rows of masks. */
export interface MaskRows {
  /** How many. */
  readonly count: number;
  /** The first of them, from 0. */
  readonly first: number | Length;
}

function result(x: Spec, ids: Spec | undefined, { size, threshold, offset, rows }: MaskUpsampleParams): Spec {
  const [masks = 0] = (ids ?? x).shape;
  const [H, W] = [rows?.count ?? size[0], size[1]];
  if (threshold === undefined) return { dtype: "f32", shape: [masks, H, W] };
  return { dtype: "u32", shape: [masks, ...(offset === undefined ? [] : [3]), W, Math.ceil(H / 32)] };
}

export const maskUpsample = /* @__PURE__ */ defineKernel<MaskUpsampleParams>()({
  name: "maskUpsample",
  wgsl: [invocationSource, maskUpsampleSource],
  inputs: ["x", "ids"],
  optional: ["ids"],
  params: {
    count: "u32",
    L: "u32",
    S: "u32",
    cutH: "u32",
    cutW: "u32",
    H: "u32",
    W: "u32",
    threshold: "f32",
    offset: "f32",
    first: "u32",
    rows: "u32",
  },
  output: ({ x, ids }, params) => {
    expectFloat("maskUpsample", "x", x);
    const [, L = 0, width = 0] = x.shape;
    if (x.shape.length !== 3 || L !== width || L === 0) {
      throw new ShapeError(`[maskUpsample] x has shape ${formatShape(x.shape)}, expected [masks, L, L]`);
    }
    const { square, cut, size } = params;
    const isSize = (n: number) => Number.isInteger(n) && n >= 1;
    if (![square, ...cut, ...size].every(isSize) || cut.some((n) => n > square) || square < L) {
      const got = `square ${square}, cut ${formatShape(cut)}, size ${formatShape(size)}`;
      throw new ArgumentError(`[maskUpsample] ${got}: expected whole numbers from 1, cut and L in the square`);
    }
    const { count = 1, first = 0 } = params.rows ?? {};
    if (!isSize(count) || !(mostOf(first) >= 0 && mostOf(first) + count <= size[0])) {
      throw new ArgumentError(`[maskUpsample] ${count} rows from ${mostOf(first)} on: the picture has ${size[0]}`);
    }
    if (ids && (ids.dtype !== "i32" || ids.shape.length !== 1)) {
      throw new ShapeError(`[maskUpsample] ids is ${ids.dtype} ${formatShape(ids.shape)}, expected i32 [masks]`);
    }
    return result(x, ids, params);
  },
  launch: ({ x, ids }, params) => {
    const { square: S, cut, size, threshold, offset, rows } = params;
    const planes = offset === undefined ? 1 : 3;
    const count = sizeOf(result(x, ids, params).shape) / planes;
    return {
      entryPoint: threshold === undefined ? "logits" : "bits",
      params: {
        ...{ count, L: x.shape[1] ?? 0, S, cutH: cut[0], cutW: cut[1], H: size[0], W: size[1] },
        threshold: threshold ?? 0,
        offset: offset ?? 0,
        first: rows?.first ?? 0,
        rows: rows?.count ?? size[0],
      },
      types: { Elem: x.dtype, Out: threshold === undefined ? "f32" : "u32" },
      overrides: { PLANES: planes, HAS_IDS: ids ? 1 : 0 },
      workgroups: flatWorkgroups(count),
    };
  },
  flops: ({ x, ids }, { size: [H, W], rows }) => 42 * ((ids ?? x).shape[0] ?? 0) * (rows?.count ?? H) * W,
});
