// A place as random Fourier features (SAM's PositionEmbeddingRandom; Tancik et al. 2020), and the learned vector of
// what is there: how SAM embeds points and the corners of boxes. Tokens that have no place are looked up alone.
import positionCodeSource from "../../shaders/positionCode.wgsl";
import { ShapeError } from "../device/errors.ts";
import { expectShape, formatShape, lastDim, rowsOf, type Spec } from "../device/tensor.ts";
import { flat, flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";

export interface PositionCodeParams {
  /** Labels below this have no place. */
  readonly placeless?: number;
  /** Type of the result; f32 when absent. */
  readonly dtype?: "f32" | "f16";
}

function result({ coords, gaussian }: Readonly<Record<"coords" | "gaussian", Spec>>, dtype: "f32" | "f16"): Spec {
  return { dtype, shape: [...coords.shape.slice(0, -1), 2 * lastDim(gaussian)] };
}

export const positionCode = /* @__PURE__ */ defineKernel<PositionCodeParams>()({
  name: "positionCode",
  wgsl: [...flat, positionCodeSource],
  inputs: ["coords", "gaussian", "labels", "table"],
  optional: ["labels", "table"],
  params: { count: "u32", features: "u32", placeless: "u32" },
  output: ({ coords, gaussian, labels, table }, { dtype = "f32" }) => {
    const y = result({ coords, gaussian }, dtype);
    if (lastDim(coords) !== 2) {
      throw new ShapeError(`[positionCode] coords has shape ${formatShape(coords.shape)}, expected [.., 2]`);
    }
    expectShape("positionCode", "gaussian", gaussian.shape, [2, lastDim(gaussian)]);
    if (!labels !== !table) throw new ShapeError("[positionCode] labels and table go together");
    if (labels) expectShape("positionCode", "labels", labels.shape, coords.shape.slice(0, -1), "places of coords");
    if (table) expectShape("positionCode", "table", table.shape, [table.shape[0] ?? 0, lastDim(y)], "columns of y");
    for (const [name, spec] of Object.entries({ coords, gaussian, table })) {
      if (spec && spec.dtype !== "f32") throw new ShapeError(`[positionCode] ${name} is ${spec.dtype}, expected f32`);
    }
    return y;
  },
  launch: ({ coords, gaussian, table }, { placeless = 0, dtype = "f32" }) => {
    const count = rowsOf(coords) * 2 * lastDim(gaussian);
    return {
      params: { count, features: lastDim(gaussian), placeless },
      types: { Elem: dtype },
      overrides: { HAS_TABLE: table ? 1 : 0 },
      workgroups: flatWorkgroups(count),
    };
  },
});
