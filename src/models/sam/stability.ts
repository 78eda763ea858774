// The part of everything mode that measures masks. In a file of its own, as most pages never load it.
import * as ops from "../../graph/ops.ts";
import { definePart } from "../part.ts";
import { maskSizes, type PictureSettings } from "./parts.ts";

interface StabilitySettings extends PictureSettings {
  /** Prompts whose masks the run may choose of. */
  readonly P: number;
  /** Masks of a run. */
  readonly count: number;
  /** How far the threshold is moved, in logits. */
  readonly offset: number;
}

/** Some of the logits [P * M, L, L], by number, to bits at the picture's size: at the threshold, and with it moved. */
export const stabilityPart = /* @__PURE__ */ definePart({
  name: "sam stability",
  inputs: ({ config, dtype, P, count }: StabilitySettings) => {
    const { M, L } = maskSizes(config);
    return { masks: { dtype, shape: [P * M, L, L], bound: true }, ids: { dtype: "i32", shape: [count] } };
  },
  record: ({ masks, ids }, _, { square, size, cut, offset }) => {
    const planes = { square, cut, size, threshold: 0, offset };
    return { planes: ops.maskUpsample({ x: masks, ids }, planes) };
  },
});
