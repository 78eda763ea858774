// Where the class token looks, a map a head, as facebookresearch/dino's visualize_attention.py shows it.

import { ArgumentError } from "../device/errors.ts";
import { formatShape, type NdArray } from "../device/tensor.ts";
import { checkFinite } from "./featureRows.ts";

/** Options of `attentionMaps`. */
export interface AttentionMapOptions {
  /**
   * Also give a mask of the patches that hold this share of the attention to patches, from 0 to 1 (the paper's figures
   * keep 0.6).
   */
  readonly mass?: number;
}

/** What `Dino.encodeImage` gives of one picture when it is asked for `attention`. */
export interface AttentionFeatures {
  /** [1, heads, height * width] of the grid. */
  readonly attention?: NdArray;
  /** Patches down and across. */
  readonly grid: readonly [height: number, width: number];
}

/** The class token's attention of one head to the patches of one picture. */
export interface AttentionMap {
  /** Patches across and down. */
  readonly width: number;
  /** Patches down. */
  readonly height: number;
  /** [height * width], as the model gives it: the sum is less than 1 by what goes to other tokens. */
  readonly data: Float32Array;
  /** [height * width], 1 where a patch is among the strongest that together hold `mass`. */
  readonly mask?: Uint8Array;
}

/**
 * One attention map per head, from features of one picture that were asked for with `attention`.
 *
 * @throws ArgumentError when the features have no attention, are of several pictures or hold NaN, or mass is not in
 * (0, 1].
 * @example
 * const maps = attentionMaps(await dino.encodeImage("cat.jpg", { attention: true }), { mass: 0.6 });
 */
export function attentionMaps(
  { attention, grid }: AttentionFeatures,
  { mass }: AttentionMapOptions = {},
): AttentionMap[] {
  if (!attention) {
    throw new ArgumentError("[attentionMaps] the features have no attention: encodeImage(…, { attention: true })");
  }
  if (mass !== undefined && !(mass > 0 && mass <= 1)) {
    throw new ArgumentError(`[attentionMaps] mass is ${mass}, expected more than 0 and at most 1`);
  }
  const { data, shape } = attention;
  const [height, width] = grid;
  const [pictures = 0, heads = 0, patches = 0] = shape;
  if (shape.length !== 3 || pictures !== 1 || patches !== height * width || data.length !== heads * patches) {
    throw new ArgumentError(
      `[attentionMaps] attention must be [1, heads, height * width] of one picture, got ${formatShape(shape)} ` +
        `on a grid of ${height} x ${width}: encode pictures one by one`,
    );
  }
  checkFinite("attentionMaps", data, patches);
  return Array.from({ length: heads }, (_, head) => {
    const map = data.slice(head * patches, (head + 1) * patches);
    return { width, height, data: map, ...(mass !== undefined && { mask: strongest(map, mass) }) };
  });
}

/** From the weakest up, everything is dropped until no more than 1 - mass of the sum is gone. */
function strongest(attention: Float32Array, mass: number): Uint8Array {
  const order = Array.from(attention.keys()).sort((i, j) => (attention[i] as number) - (attention[j] as number));
  const total = attention.reduce((sum, value) => sum + value, 0);
  const mask = new Uint8Array(attention.length);
  let passed = 0;
  for (const i of order) {
    passed += (attention[i] as number) / total;
    if (passed > 1 - mass) mask[i] = 1;
  }
  return mask;
}
