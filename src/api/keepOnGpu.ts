// Results that stay on the GPU: copied out of a plan's outputs into memory of their own, within the same submit.
import type { Device } from "../device/device.ts";
import { ArgumentError } from "../device/errors.ts";
import { GpuTensor } from "../device/gpuTensor.ts";
import { BYTES, type Shape, sizeOf } from "../device/tensor.ts";
import type { Executor } from "../graph/executor.ts";
import { closePicture, type ImageLike, openImage } from "../io/image.ts";
import type { ListOptions } from "./encodePictures.ts";
import { encodePicture } from "./pictureCopies.ts";
import type { PictureTower, Size } from "./pictureRuns.ts";
import { preprocessor } from "./pictures.ts";
import { outputSize } from "./preprocess.ts";

/** Asks for results that stay on the GPU; the caller disposes of them. */
export interface KeepOnGpu {
  /** Results are GpuTensors, in memory of their own. */
  readonly keepOnGpu: true;
}

/** What `Dino.encodeImage` leaves on the GPU with `keepOnGpu`. */
export interface DinoGpuFeatures extends Disposable {
  /** [pictures, channels], as of DinoFeatures. */
  readonly cls: GpuTensor;
  /** [pictures, height * width, channels] of the grid. */
  readonly patches: GpuTensor;
  /** Patches down and across. */
  readonly grid: readonly [height: number, width: number];
  /** Frees both. */
  dispose(): void;
}

/** What `SamScene.predict` leaves on the GPU with `keepOnGpu`. */
export interface SamGpuMasks extends Disposable {
  /** [masks], the IoU with the true mask as the model predicts it. */
  readonly scores: GpuTensor;
  /** [masks, L, L], logits of the padded square. */
  readonly lowResLogits: GpuTensor;
  /** [masks, height, width] of the picture, always f32; a mask is where they are above 0. */
  readonly logits: GpuTensor;
  /** Frees all three. */
  dispose(): void;
}

/** A part of a tower's output: of each picture the elements from `first` on that make up `shape`. */
export interface Part {
  readonly output: string;
  readonly first: number;
  readonly shape: Shape;
}

/** Several tensors that go together. */
export function together<T extends Readonly<Record<string, unknown>>>(
  tensors: T,
): T & Disposable & { dispose(): void } {
  const dispose = () => {
    for (const tensor of Object.values(tensors)) if (tensor instanceof GpuTensor) tensor.dispose();
  };
  return { ...tensors, dispose, [Symbol.dispose]: dispose };
}

/** A tensor with room for some outputs of a plan like this one. */
export function roomFor(device: Device, plan: Executor, output: string, shape: Shape): GpuTensor {
  const dtype = plan.plan.outputs.get(output)?.value.dtype;
  if (dtype !== "f32" && dtype !== "f16") throw new ArgumentError(`the plan has no output "${output}" of floats`);
  return new GpuTensor(device, { dtype, shape }, `kept ${output}`);
}

/** Records a copy of elements of an output into a tensor, from element `at` on. */
export function copyPart(encoder: GPUCommandEncoder, plan: Executor, part: Part, tensor: GpuTensor, at = 0): void {
  const size = BYTES[tensor.dtype];
  const [from, to, bytes] = [part.first * size, at * size, sizeOf(part.shape) * size];
  if (from % 4 || to % 4) {
    throw new ArgumentError("keepOnGpu of f16 takes an even number of channels: use dtype f32, or leave it out");
  }
  encoder.copyBufferToBuffer(plan.buffer(part.output), from, tensor.buffer, to, Math.ceil(bytes / 4) * 4);
}

/** Runs a tower on pictures, one after another, and keeps parts of its outputs: tensors [pictures, ...shape]. */
export async function encodeKept<Name extends string>(
  tower: PictureTower,
  images: readonly ImageLike[],
  partsOf: (model: Executor) => Readonly<Record<Name, Part>>,
  { signal, onProgress }: ListOptions,
): Promise<{ readonly size: Size; readonly kept: Record<Name, GpuTensor> }> {
  const { session } = tower;
  const kept: Partial<Record<Name, GpuTensor>> = {};
  const device = await session.device();
  let size: Size | undefined;
  const keep = (index: number, model: Executor, encoder: GPUCommandEncoder) => {
    for (const [name, part] of Object.entries(partsOf(model)) as [Name, Part][]) {
      const tensor = (kept[name] ??= roomFor(device, model, part.output, [images.length, ...part.shape]));
      copyPart(encoder, model, part, tensor, index * sizeOf(part.shape));
    }
  };
  try {
    for (const [index, image] of images.entries()) {
      const picture = await openImage(image, signal);
      try {
        const recipe = tower.recipe(picture);
        const its = outputSize(recipe, [picture.height, picture.width]);
        if (size && size.join() !== its.join()) {
          throw new ArgumentError(`the pictures come to different sizes, ${size.join(" x ")} and ${its.join(" x ")}`);
        }
        size = its;
        await session.use(
          [preprocessor(session, picture, recipe), tower.plan(1, its)],
          (step, model) => {
            device.check();
            const encoder = device.gpu.createCommandEncoder();
            encodePicture(device, step, picture, encoder, model.buffer("pixels"));
            model.encode(encoder);
            keep(index, model, encoder);
            device.gpu.queue.submit([encoder.finish()]);
          },
          signal,
        );
      } finally {
        closePicture(picture);
      }
      onProgress?.({ done: index + 1, total: images.length });
    }
    signal?.throwIfAborted();
    return { size: size as Size, kept: kept as Record<Name, GpuTensor> };
  } catch (error) {
    for (const tensor of Object.values<GpuTensor | undefined>(kept)) tensor?.dispose();
    throw error;
  }
}
