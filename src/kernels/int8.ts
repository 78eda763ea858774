// What matmul, conv2d and gather share where their weight is int8: four elements are read as one u32 and multiplied, at
// the end of a sum or at once, by the scale of their channel.
import { ShapeError } from "../device/errors.ts";
import { expectShape, type Shape, type Spec } from "../device/tensor.ts";

/** Throws unless a weight that is int8 comes with its scales, one for each channel, and any other without. */
export function expectScale(op: string, name: string, weight: Spec, scale: Spec | undefined, channels: Shape): void {
  const isInt8 = weight.dtype === "i8";
  if (isInt8 !== !!scale) {
    const expected = isInt8 ? `needs ${name}Scale, the scale of each channel` : `takes no ${name}Scale: it is not i8`;
    throw new ShapeError(`[${op}] ${name} of ${weight.dtype} ${expected}`);
  }
  if (!scale) return;
  expectShape(op, `${name}Scale`, scale.shape, channels, `channels of ${name}`);
  if (scale.dtype !== "f32") throw new ShapeError(`[${op}] ${name}Scale has dtype ${scale.dtype}, expected f32`);
}

/** The aliases by which a shader reads int8; none for other types. */
export function int8Types(prefix: string, { dtype }: Spec): Readonly<Record<string, string>> {
  return dtype === "i8" ? { [`${prefix}Word`]: "u32", [`${prefix}Lanes`]: "vec4u", INT8: "true" } : {};
}
