// Stored numbers to floats (torch.Tensor.to): the bytes of a checkpoint, uploaded as they are, or a tensor of another
// type. Rounds to nearest, ties to even; subnormals, infinities and NaN are kept. f16 results need no shader-f16.

import invocationSource from "../../shaders/lib/invocation.wgsl";
import { ShapeError } from "../device/errors.ts";
import { byteLength, type DType, formatShape, type Shape, type Spec, sizeOf } from "../device/tensor.ts";
import { flatWorkgroups } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

const KIND = { unsigned: 0, signed: 1, float: 2, bfloat: 3 } as const;

/** Element types of a checkpoint, by the names of safetensors. */
export const STORED = {
  F64: { bytes: 8, kind: KIND.float },
  F32: { bytes: 4, kind: KIND.float },
  F16: { bytes: 2, kind: KIND.float },
  BF16: { bytes: 2, kind: KIND.bfloat },
  I64: { bytes: 8, kind: KIND.signed },
  I32: { bytes: 4, kind: KIND.signed },
  I16: { bytes: 2, kind: KIND.signed },
  I8: { bytes: 1, kind: KIND.signed },
  U64: { bytes: 8, kind: KIND.unsigned },
  U32: { bytes: 4, kind: KIND.unsigned },
  U16: { bytes: 2, kind: KIND.unsigned },
  U8: { bytes: 1, kind: KIND.unsigned },
  BOOL: { bytes: 1, kind: KIND.unsigned },
} as const;

/** Types as safetensors names them. */
export type StoredType = keyof typeof STORED;

const OWN_TYPE: Readonly<Record<DType, StoredType>> = { f32: "F32", f16: "F16", i32: "I32", u32: "U32", i8: "I8" };

export interface CastParams {
  /** Type of the result. */
  readonly to: "f32" | "f16";
  /** What the bytes of x, a u32 tensor of whole words, hold; x's own type when absent. */
  readonly from?: StoredType;
  /** Shape of the result; x's own when absent. */
  readonly shape?: Shape;
}

function result(x: Spec, { to, shape = x.shape }: CastParams): Spec {
  return { dtype: to, shape };
}

const storedWords = (spec: Spec) => Math.ceil(byteLength(spec) / 4);

// Loaded where it is launched: most checkpoints are stored as they are computed with.
const source: LazySource = () => import("../../shaders/cast.wgsl");

export const cast = /* @__PURE__ */ defineKernel<CastParams>()({
  name: "cast",
  wgsl: [invocationSource, source],
  inputs: ["x"],
  params: { words: "u32", n: "u32" },
  output: ({ x }, params) => {
    const y = result(x, params);
    const from = params.from ?? OWN_TYPE[x.dtype];
    const needed = Math.ceil((sizeOf(y.shape) * STORED[from].bytes) / 4);
    if (storedWords(x) !== needed) {
      const got = `x has shape ${formatShape(x.shape)} of ${x.dtype}`;
      throw new ShapeError(
        `[cast] ${got}, expected ${needed} words of 4 bytes (${formatShape(y.shape)} stored as ${from})`,
      );
    }
    return y;
  },
  launch: ({ x }, params) => {
    const y = result(x, params);
    const { bytes, kind } = STORED[params.from ?? OWN_TYPE[x.dtype]];
    return {
      params: { words: storedWords(y), n: sizeOf(y.shape) },
      overrides: { BYTES: bytes, KIND: kind, TO_HALF: params.to === "f16" ? 1 : 0 },
      workgroups: flatWorkgroups(storedWords(y)),
    };
  },
});
