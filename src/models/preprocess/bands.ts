// Pictures larger than a device binds at once, of 33 megapixels and more on many adapters: the first pass of the resize
// runs on one band of rows after another, and what it leaves is a picture of ordinary size. The passes are those of the
// whole picture, so that the pixels are the same to the bit.
import type { Device } from "../../device/device.ts";
import { byteLength, type Spec, type Tensor } from "../../device/tensor.ts";
import { dispatch } from "../../kernels/dispatch.ts";
import {
  type ResizeAxis,
  type ResizeCoefficients,
  resize,
  resizeCoefficients,
  resizeOrder,
} from "../../kernels/resize.ts";
import { type Preprocessing, resizedSize } from "./recipe.ts";

/** A band's bytes: enough to keep a GPU busy, little beside the picture. */
const BAND_BYTES = 32 << 20;

/** RGBA bytes [height, width]. */
interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A picture on the GPU with a part of its recipe done. */
interface PartlyResized {
  readonly width: number;
  readonly height: number;
  readonly rowLength: number;
  readonly buffer: GPUBuffer;
  /** What is left to do. */
  readonly recipe: Preprocessing;
}

/** Rows of the picture that a pass reads, and the place of what it makes of them in its result, in rows. */
interface Band {
  readonly rows: readonly [begin: number, end: number];
  readonly to: number;
  /** Of the pass, for these rows alone. */
  readonly coefficients: ResizeCoefficients;
}

/**
 * Brings a picture to the GPU with the first pass of its resize done, and gives it with the rest of the recipe;
 * undefined where the recipe has no such pass.
 *
 * @throws LimitError where even what the pass leaves is too large
 */
export async function uploadInBands(
  device: Device,
  { width: W, height: H, data }: Pixels,
  recipe: Preprocessing,
  bandBytes = Math.min(BAND_BYTES, device.mostBytes),
): Promise<PartlyResized | undefined> {
  const [h, w] = resizedSize(recipe.resize, [H, W]);
  const order = resizeOrder({ width: W, height: H }, { width: w, height: h });
  const axis = recipe.widthFirst ? (order.find((one) => one === "horizontal") ?? order[0]) : order[0];
  if (recipe.resizeFloats || !axis) return undefined;
  const size = axis === "horizontal" ? { width: w, height: H } : { width: W, height: h };
  const whole = device.createTensor({ dtype: "u32", shape: [size.height, size.width] }, "picture");
  try {
    for (const { rows, to, coefficients } of bandsOf(axis, recipe, [H, W], axis === "horizontal" ? w : h, bandBytes)) {
      const bytes = data.subarray(rows[0] * W * 4, rows[1] * W * 4);
      const image = device.upload({ dtype: "u32", shape: [rows[1] - rows[0], W] }, bytes, "band of a picture");
      await resizeInto(device, image, coefficients, axis, { whole, at: to * size.width * 4 });
    }
  } catch (error) {
    device.free(whole.buffer);
    throw error;
  }
  return { ...size, rowLength: size.width, buffer: whole.buffer, recipe: { ...recipe, resize: [h, w] } };
}

function* bandsOf(
  axis: ResizeAxis,
  { resample }: Preprocessing,
  [H, W]: readonly [number, number],
  length: number,
  bandBytes: number,
): Generator<Band> {
  const most = Math.max(1, Math.floor(bandBytes / (W * 4)));
  const all = resizeCoefficients(axis === "horizontal" ? W : H, length, resample);
  if (axis === "horizontal") {
    for (let row = 0; row < H; row += most) {
      yield { rows: [row, Math.min(H, row + most)], to: row, coefficients: all };
    }
    return;
  }
  const { starts, weights, taps } = all;
  const start = (row: number) => starts[row] as number;
  for (let row = 0, next = 0; row < length; row = next) {
    const begin = start(row);
    next = row + 1;
    while (next < length && start(next) + taps - begin <= most) next += 1;
    yield {
      rows: [begin, start(next - 1) + taps],
      to: row,
      coefficients: {
        starts: starts.slice(row, next).map((at) => at - begin),
        weights: weights.slice(row * taps, next * taps),
        taps,
      },
    };
  }
}

/** Runs the pass on a band, which it frees, and puts the result into the whole at this byte. */
async function resizeInto(
  device: Device,
  image: Tensor,
  { starts, weights, taps }: ResizeCoefficients,
  axis: ResizeAxis,
  { whole, at }: { readonly whole: Tensor; readonly at: number },
): Promise<void> {
  const held = [image];
  const upload = (spec: Spec, values: Int32Array) => {
    const tensor = device.upload(spec, values);
    held.push(tensor);
    return tensor;
  };
  try {
    const inputs = {
      image,
      starts: upload({ dtype: "i32", shape: [starts.length] }, starts),
      weights: upload({ dtype: "i32", shape: [starts.length, taps] }, weights),
    };
    const resized = await dispatch(device, resize, inputs, { axis });
    held.push(resized);
    const encoder = device.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(resized.buffer, 0, whole.buffer, at, byteLength(resized));
    device.gpu.queue.submit([encoder.finish()]);
  } finally {
    for (const { buffer } of held) device.free(buffer);
  }
}
