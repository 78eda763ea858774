// Windows that slide over a picture: the arguments that convolution and pooling share, and how many windows there are
// (torch.nn.functional's rules).
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { formatShape, type Spec } from "../device/tensor.ts";

/** Along height and width, or one number for both. */
export type Pair = number | readonly [height: number, width: number];

/** A window, in pixels. */
export interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
}

/** A window and the number of places it takes, by height and width. */
export interface Windows {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly places: readonly [number, number];
}

export function pairOf(value: Pair): readonly [number, number] {
  return typeof value === "number" ? [value, value] : value;
}

/** The windows over x [B, H, W, C]; throws where there is none or an argument is not a whole number. */
export function slide(op: string, x: Spec, window: Window): Windows {
  if (x.shape.length !== 4) throw new ShapeError(`[${op}] x has shape ${formatShape(x.shape)}, expected [B, H, W, C]`);
  const [kernel, stride] = [pairOf(window.kernel), pairOf(window.stride)];
  const [padding, dilation] = [pairOf(window.padding), pairOf(window.dilation)];
  for (const [name, values, least] of [
    ["kernel", kernel, 1],
    ["stride", stride, 1],
    ["padding", padding, 0],
    ["dilation", dilation, 1],
  ] as const) {
    if (values.some((value) => !Number.isInteger(value) || value < least)) {
      throw new ArgumentError(`[${op}] ${name} is ${formatShape(values)}, expected whole numbers from ${least}`);
    }
  }
  const [, ...lengths] = x.shape;
  const along = (axis: 0 | 1) => {
    const reach = dilation[axis] * (kernel[axis] - 1) + 1;
    const room = (lengths[axis] as number) + 2 * padding[axis] - reach;
    if (room < 0) {
      throw new ShapeError(
        `[${op}] a window of ${reach} does not fit into x ${formatShape(x.shape)} padded by ${padding[axis]}`,
      );
    }
    return Math.floor(room / stride[axis]) + 1;
  };
  return { kernel, stride, padding, dilation, places: [along(0), along(1)] };
}
