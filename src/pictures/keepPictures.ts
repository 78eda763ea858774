// What towers make of pictures, left on the GPU: embeddings of CLIP, features of DINO.
import { ArgumentError } from "../device/errors.ts";
import type { GpuTensor } from "../device/gpuTensor.ts";
import { sizeOf } from "../device/tensor.ts";
import type { Executor } from "../graph/executor.ts";
import type { ImageLike } from "../io/image/image.ts";
import type { AnyDinoConfig, DinoRequest } from "../models/dino/files.ts";
import { outputSize } from "../models/preprocess/preprocess.ts";
import type { ListOptions } from "./encodeOptions.ts";
import { openReady } from "./encodePictures.ts";
import { copyPart, type DinoGpuFeatures, type Part, roomFor, shapeOf, together } from "./keepOnGpu.ts";
import { encodePicture } from "./pictureCopies.ts";
import type { PictureTower, Size } from "./pictureRuns.ts";
import { preprocessor } from "./pictures.ts";
import { release } from "./upload.ts";

/** Runs a tower on pictures, one after another, and keeps parts of its outputs: tensors [pictures, ...shape]. */
async function encodeKept<Name extends string>(
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
      const picture = await openReady(session, image, signal);
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
    return { size: size as Size, kept: kept as Record<Name, GpuTensor> };
  } catch (error) {
    for (const tensor of Object.values<GpuTensor | undefined>(kept)) tensor?.dispose();
    throw error;
  }
}

/** Embeddings of pictures [pictures, projection]. */
export async function keepClip(
  tower: PictureTower,
  images: readonly ImageLike[],
  options: ListOptions,
): Promise<GpuTensor> {
  const partsOf = (model: Executor) => {
    return { embeds: { output: "embeds", first: 0, shape: shapeOf(model, "embeds").slice(1) } };
  };
  return (await encodeKept(tower, images, partsOf, options)).kept.embeds;
}

/** Features of pictures. */
export async function keepDino(
  tower: PictureTower,
  images: readonly ImageLike[],
  { config, layers, attentionOf }: DinoRequest & { readonly config: AnyDinoConfig },
  options: ListOptions,
): Promise<DinoGpuFeatures> {
  if (layers.length || attentionOf.length) {
    throw new ArgumentError("attention and layers come to the host only: ask for them without keepOnGpu");
  }
  let grid: Size = [0, 0];
  const partsOf = (model: Executor) => {
    if (config.model_type === "resnet") {
      const [, h = 0, w = 0, C = 0] = shapeOf(model, "map");
      grid = [h, w];
      const cls = { output: "pooled", first: 0, shape: [C] };
      return { cls, patches: { output: "map", first: 0, shape: [h * w, C] } };
    }
    const [, T = 0, C = 0] = shapeOf(model, "tokens");
    const prefix = 1 + config.num_register_tokens;
    const cls = { output: "tokens", first: 0, shape: [C] };
    return { cls, patches: { output: "tokens", first: prefix * C, shape: [T - prefix, C] } };
  };
  const { size, kept } = await encodeKept(tower, images, partsOf, options);
  if (config.model_type !== "resnet") {
    grid = [Math.floor(size[0] / config.patch_size), Math.floor(size[1] / config.patch_size)];
  }
  return together({ ...kept, grid });
}
