// The mask to give where one is asked for, of those that SAM 2 makes of each prompt (transformers: models/sam2,
// _dynamic_multimask_via_stability).
import invocationSource from "../../shaders/lib/invocation.wgsl";
import nanSource from "../../shaders/lib/nan.wgsl";
import reduceSource from "../../shaders/lib/reduce.wgsl";
import { ShapeError } from "../device/errors.ts";
import { expectRank, expectShape, lastDim } from "../device/tensor.ts";
import { expectFloat, expectSameDType, rowVariants } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

export interface StableMaskParams {
  /** How far the threshold of logits is moved, up and down. */
  readonly delta: number;
  /** The least share of the larger mask that is in the smaller one where the first mask is stable. */
  readonly threshold: number;
}

// Loaded where it is launched: SAM 2 alone chooses so.
const source: LazySource = () => import("../../shaders/stableMask.wgsl");

export const stableMask = /* @__PURE__ */ defineKernel<StableMaskParams>()({
  name: "stableMask",
  wgsl: [invocationSource, nanSource, reduceSource, source],
  inputs: ["masks", "scores"],
  params: { rows: "u32", masks: "u32", places: "u32", delta: "f32", threshold: "f32" },
  output: ({ masks, scores }) => {
    expectRank("stableMask", "masks", masks.shape, 3);
    expectFloat("stableMask", "masks", masks);
    expectSameDType("stableMask", "scores", scores, "masks", masks);
    const [rows = 0, count = 0] = masks.shape;
    expectShape("stableMask", "scores", scores.shape, [rows, count], "prompts and masks");
    if (count < 2) throw new ShapeError(`[stableMask] masks has ${count} masks of a prompt, expected 2 or more`);
    return { dtype: "i32", shape: [rows] };
  },
  launch: ({ masks }, { delta, threshold }) => {
    const [rows = 0, count = 0, places = 0] = masks.shape;
    return { params: { rows, masks: count, places, delta, threshold }, types: { Elem: masks.dtype } };
  },
  variants: ({ masks }) => rowVariants({ rows: masks.shape[0] as number, columns: lastDim(masks) }),
});
