// Results that stay on the GPU: copied out of a tower's outputs into tensors of their own, within the submit that runs
// it.
import type { Device } from "../device/device.ts";
import { ArgumentError } from "../device/errors.ts";
import { GpuTensor } from "../device/gpuTensor.ts";
import { BYTES, type Shape, sizeOf } from "../device/tensor.ts";
import type { Executor } from "../graph/executor.ts";
import type { ImageLike } from "../io/image/image.ts";
import type { Size } from "../models/preprocess/recipe.ts";
import type { EncodedPicture, ListOptions } from "./encodeOptions.ts";
import { collectList, encodeNone } from "./encodePictures.ts";
import type { Batch, Collector, PictureTower } from "./tower.ts";

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

/** Several tensors that go together. */
export function together<T extends Readonly<Record<string, unknown>>>(
  tensors: T,
): T & Disposable & { dispose(): void } {
  const dispose = () => {
    for (const tensor of Object.values(tensors)) if (tensor instanceof GpuTensor) tensor.dispose();
  };
  return { ...tensors, dispose, [Symbol.dispose]: dispose };
}

/** A part of a tower's output: of each picture the elements from `first` on that make up `shape`. */
export interface OutputView {
  readonly output: string;
  readonly first: number;
  readonly shape: Shape;
}

/** Which views of a tower's outputs are kept, given the outputs' shapes and the size of the pictures. */
export type ViewsOf<Name extends string> = (
  shapes: Readonly<Record<string, Shape>>,
  size: Size,
) => Readonly<Record<Name, OutputView>>;

/** Runs a tower on pictures, in batches, and keeps views of its outputs: tensors [pictures, ...shape]. */
export async function encodeKept<Name extends string>(
  tower: PictureTower,
  images: readonly ImageLike[],
  viewsOf: ViewsOf<Name>,
  options: ListOptions,
): Promise<Readonly<Record<Name, GpuTensor>>> {
  const device = await tower.session.device();
  const collector = new KeptTensors(device, images.length, viewsOf);
  try {
    if (images.length === 0) collector.keepNone(await encodeNone(tower), tower.session.dtype);
    else await collectList(tower, collector, images, options);
    options.signal?.throwIfAborted();
    return collector.tensors as Readonly<Record<Name, GpuTensor>>;
  } catch (error) {
    collector.dispose();
    throw error;
  }
}

/** Copies what is kept of each picture to its row. */
class KeptTensors<Name extends string> implements Collector<undefined, undefined> {
  readonly tensors: Partial<Record<Name, GpuTensor>> = {};
  readonly #device: Device;
  readonly #pictures: number;
  readonly #viewsOf: ViewsOf<Name>;
  #size: Size | undefined;
  #isDisposed = false;

  constructor(device: Device, pictures: number, viewsOf: ViewsOf<Name>) {
    this.#device = device;
    this.#pictures = pictures;
    this.#viewsOf = viewsOf;
  }

  async run(tower: Executor, { indices, size, record }: Batch): Promise<undefined> {
    if (this.#isDisposed) return;
    checkSameSize(this.#size, size);
    this.#size = size;
    const { gpu } = this.#device;
    const encoder = gpu.createCommandEncoder();
    record(encoder);
    tower.encode(encoder);
    const views = Object.entries(this.#viewsOf(shapesOf(tower), size)) as [Name, OutputView][];
    for (const [name, view] of views) this.#keep(encoder, tower, name, view, indices);
    gpu.queue.submit([encoder.finish()]);
  }

  row(): undefined {}

  /** Tensors without rows. */
  keepNone({ size, outputs }: Pick<EncodedPicture, "size" | "outputs">, dtype: GpuTensor["dtype"]): void {
    const shapes = Object.fromEntries(Object.entries(outputs).map(([name, { shape }]) => [name, shape]));
    for (const [name, { shape }] of Object.entries(this.#viewsOf(shapes, size)) as [Name, OutputView][]) {
      this.tensors[name] = new GpuTensor(this.#device, { dtype, shape: [0, ...shape] }, `kept ${name}`);
    }
  }

  dispose(): void {
    this.#isDisposed = true;
    for (const tensor of Object.values<GpuTensor | undefined>(this.tensors)) tensor?.dispose();
  }

  #keep(
    encoder: GPUCommandEncoder,
    tower: Executor,
    name: Name,
    { output, first, shape }: OutputView,
    indices: readonly number[],
  ): void {
    const value = tower.plan.outputs.get(output)?.value;
    if (value?.dtype !== "f32" && value?.dtype !== "f16") {
      throw new ArgumentError(`the tower has no output "${output}" of floats`);
    }
    const { dtype } = value;
    const tensor = (this.tensors[name] ??= new GpuTensor(
      this.#device,
      { dtype, shape: [this.#pictures, ...shape] },
      `kept ${output}`,
    ));
    const rowLength = sizeOf(value.shape.slice(1));
    for (const [row, index] of indices.entries()) {
      const [from, to] = [(row * rowLength + first) * BYTES[dtype], index * sizeOf(shape) * BYTES[dtype]];
      const bytes = sizeOf(shape) * BYTES[dtype];
      if (from % 4 || to % 4) {
        throw new ArgumentError("keepOnGpu of f16 takes an even number of channels: use dtype f32, or leave it out");
      }
      encoder.copyBufferToBuffer(tower.buffer(output), from, tensor.buffer, to, Math.ceil(bytes / 4) * 4);
    }
  }
}

function checkSameSize(size: Size | undefined, other: Size): void {
  if (!size || size.join() === other.join()) return;
  throw new ArgumentError(`the pictures come to different sizes, ${size.join(" x ")} and ${other.join(" x ")}`);
}

/** Shapes of a plan's outputs, by name. */
function shapesOf({ plan }: Executor): Readonly<Record<string, Shape>> {
  return Object.fromEntries([...plan.outputs].map(([name, { value }]) => [name, value.shape]));
}
