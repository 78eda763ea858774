// The last two axes exchanged (torch.transpose(x, -2, -1)), with rows padded to whole vec4s where matmul wants them so:
// the weight [N, K] of a linear layer becomes [K, N4 * 4] by `padTo: 4`.
import invocationSource from "../../shaders/lib/invocation.wgsl";
import source from "../../shaders/transpose.wgsl";
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { formatShape, type Spec, sizeOf } from "../device/tensor.ts";
import { flatWorkgroups } from "./axes.ts";
import { defineKernel, foldWorkgroups } from "./kernel.ts";
import { defineVariants, variantsOf } from "./variants.ts";

export interface TransposeParams {
  /** The last axis of the result is padded with zeros to a multiple of this; 1 when absent. */
  readonly padTo?: number;
}

function sizes({ shape }: Spec, padTo = 1) {
  const [rows = 1, cols = 1] = shape.slice(-2);
  return { batch: sizeOf(shape.slice(0, -2)), rows, cols, padded: Math.ceil(rows / padTo) * padTo };
}

export const transpose = /* @__PURE__ */ defineKernel<TransposeParams>()({
  name: "transpose",
  wgsl: [invocationSource, source],
  inputs: ["x"],
  params: { batch: "u32", rows: "u32", cols: "u32", padded: "u32" },
  output: ({ x }, { padTo = 1 }) => {
    if (x.shape.length < 2) {
      throw new ShapeError(`[transpose] x has shape ${formatShape(x.shape)}, expected at least 2 axes`);
    }
    if (!Number.isInteger(padTo) || padTo < 1) {
      throw new ArgumentError(`[transpose] padTo is ${padTo}, expected a whole number from 1`);
    }
    const { cols, padded } = sizes(x, padTo);
    return { dtype: x.dtype, shape: [...x.shape.slice(0, -2), cols, padded] };
  },
  launch: ({ x }, { padTo }) => ({ params: sizes(x, padTo), types: { Elem: x.dtype } }),
  variants: ({ x }, { padTo }) => variantsOf(TABLE, sizes(x, padTo)),
});

type Sizes = ReturnType<typeof sizes>;

const TABLE = /* @__PURE__ */ defineVariants<Sizes>()({
  variants: {
    strips: {
      launch: ({ batch, cols, padded }) => ({
        entryPoint: "strips",
        workgroups: flatWorkgroups(batch * cols * Math.ceil(padded / 4)),
      }),
    },
    tiles: {
      launch: ({ batch, cols, padded }) => ({
        entryPoint: "tiles",
        workgroups: foldWorkgroups(batch * Math.ceil(cols / 32) * Math.ceil(padded / 32)),
      }),
    },
  },
  best: { cpu: ["strips"], gpu: ["tiles", "strips"] },
});
