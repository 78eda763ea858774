// Which elements kernels can put in order, and how shaders/lib/rank.wgsl is told their kind.
import { ShapeError } from "../device/errors.ts";
import { type DType, formatShape, lastDim, type Spec } from "../device/tensor.ts";

const KIND: Readonly<Partial<Record<DType, string>>> = { f32: "0u", f16: "0u", i32: "1u", u32: "2u" };

/** Right-hand sides of a shader that compares elements of x. */
export function rankTypes({ dtype }: Spec) {
  return { Elem: dtype, KIND: KIND[dtype] as string };
}

/** Throws unless x has a last axis of elements that have an order. */
export function expectRanked(op: string, x: Spec): void {
  if (!KIND[x.dtype]) throw new ShapeError(`[${op}] x has dtype ${x.dtype}, expected f32, f16, i32 or u32`);
  if (x.shape.length === 0 || lastDim(x) === 0) {
    throw new ShapeError(`[${op}] x has shape ${formatShape(x.shape)}, expected a last axis that is not empty`);
  }
}
