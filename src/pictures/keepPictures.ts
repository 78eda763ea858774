// What towers make of pictures, left on the GPU.
import { ArgumentError } from "../device/errors.ts";
import type { GpuTensor } from "../device/gpuTensor.ts";
import { type Shape, sizeOf } from "../device/tensor.ts";
import type { Executor } from "../graph/executor.ts";
import type { ImageLike } from "../io/image/image.ts";
import { outputSize, type Size } from "../models/preprocess/recipe.ts";
import type { ListOptions } from "./encodeOptions.ts";
import { openReady } from "./encodePictures.ts";
import { copyView, type OutputView, roomFor, shapesOf } from "./keepOnGpu.ts";
import { encodePicture } from "./pictureCopies.ts";
import { type PictureTower, preprocessor } from "./tower.ts";
import { release } from "./upload.ts";

/** Runs a tower on pictures, one after another, and keeps parts of its outputs: tensors [pictures, ...shape]. */
export async function encodeKept<Name extends string>(
  tower: PictureTower,
  images: readonly ImageLike[],
  viewsOf: (shapes: Readonly<Record<string, Shape>>, size: Size) => Readonly<Record<Name, OutputView>>,
  { signal, onProgress }: ListOptions,
): Promise<Record<Name, GpuTensor>> {
  const { session } = tower;
  const kept: Partial<Record<Name, GpuTensor>> = {};
  const device = await session.device();
  let size: Size | undefined;
  const keep = (index: number, model: Executor, encoder: GPUCommandEncoder) => {
    for (const [name, part] of Object.entries(viewsOf(shapesOf(model), size as Size)) as [Name, OutputView][]) {
      const tensor = (kept[name] ??= roomFor(device, model, part.output, [images.length, ...part.shape]));
      copyView(encoder, model, part, tensor, index * sizeOf(part.shape));
    }
  };
  try {
    for (const [index, image] of images.entries()) {
      const picture = await openReady(session, image, signal);
      try {
        const recipe = tower.recipe(picture);
        const its = outputSize(recipe, [picture.height, picture.width]);
        if (size && size.join() !== its.join()) {
          throw new ArgumentError(`the pictures come to different sizes, ${size.join(" x ")} and ${its.join(" x ")}`);
        }
        size = its;
        await session.use(
          [preprocessor(session, picture, recipe), tower.part(1, its)],
          (step, model) => {
            device.check();
            const encoder = device.gpu.createCommandEncoder();
            encodePicture(step, picture, encoder, model.buffer("pixels"));
            model.encode(encoder);
            keep(index, model, encoder);
            device.gpu.queue.submit([encoder.finish()]);
          },
          signal,
        );
      } finally {
        release(picture);
      }
      onProgress?.({ done: index + 1, total: images.length });
    }
    signal?.throwIfAborted();
    return kept as Record<Name, GpuTensor>;
  } catch (error) {
    for (const tensor of Object.values<GpuTensor | undefined>(kept)) tensor?.dispose();
    throw error;
  }
}
