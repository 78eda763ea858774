// Results that stay on the GPU: copied out of a tower's outputs into tensors of their own, within the submit that runs
// it. Loaded where they are asked for, with what the rest has already given to it.
import type { Device } from "../device/device.ts";
import { ArgumentError } from "../device/errors.ts";
import { type FromHalves, GpuTensor } from "../device/gpuTensor.ts";
import { BYTES, type Shape, sizeOf } from "../device/tensor.ts";
import type { Executor } from "../graph/executor.ts";
import type { ImageLike } from "../io/image/image.ts";
import type { Size } from "../models/preprocess/recipe.ts";
import type { EncodedPicture, ListOptions } from "./encodeOptions.ts";
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

/** Tensors for the outputs of SAM's masks of one prompt. */
export function maskTensors(device: Device, { plan }: Executor, dtype: GpuTensor["dtype"], fromHalves: FromHalves) {
  const shapeOf = (output: string) => plan.outputs.get(output)?.value.shape ?? [];
  const tensors: GpuTensor[] = [];
  const tensor = (output: string, shape: Shape, type: GpuTensor["dtype"] = dtype) => {
    const kept = new GpuTensor(device, { dtype: type, shape }, `kept ${output}`, fromHalves);
    tensors.push(kept);
    return kept;
  };
  try {
    return {
      lowRes: tensor("lowRes", shapeOf("lowRes").slice(1)),
      chosenScores: tensor("chosenScores", shapeOf("chosenScores").slice(1)),
      logits: tensor("logits", shapeOf("logits"), "f32"),
    };
  } catch (error) {
    for (const kept of tensors) kept.dispose();
    throw error;
  }
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

/** What this file is given (encodePictures.ts), so that a page loads it alone. */
export interface KeepCore {
  collectList<Outputs, Row>(
    tower: PictureTower,
    collector: Collector<Outputs, Row>,
    list: readonly ImageLike[],
    options: ListOptions,
  ): Promise<EncodedPicture<Row>[]>;
  readonly fromHalfArray: FromHalves;
}

/** Runs a tower on pictures, in batches, and keeps views of its outputs: tensors [pictures, ...shape]. */
export async function encodeKept<Name extends string>(
  core: KeepCore,
  tower: PictureTower,
  images: readonly ImageLike[],
  viewsOf: ViewsOf<Name>,
  options: ListOptions,
): Promise<Readonly<Record<Name, GpuTensor>>> {
  const device = await tower.session.device();
  const collector = new KeptTensors(core, device, images.length, viewsOf);
  try {
    if (images.length === 0)
      collector.keepNone(await (await import("./encodeNone.ts")).encodeNone(tower), tower.session.dtype);
    else await core.collectList(tower, collector, images, options);
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
  readonly #core: KeepCore;
  readonly #device: Device;
  readonly #pictures: number;
  readonly #viewsOf: ViewsOf<Name>;
  #size: Size | undefined;
  #isDisposed = false;

  constructor(core: KeepCore, device: Device, pictures: number, viewsOf: ViewsOf<Name>) {
    this.#core = core;
    this.#device = device;
    this.#pictures = pictures;
    this.#viewsOf = viewsOf;
  }

  async run(tower: Executor, { indices, size, record }: Batch): Promise<undefined> {
    if (this.#isDisposed) return;
    this.#checkSize(size);
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
      const spec = { dtype, shape: [0, ...shape] };
      this.tensors[name] = new GpuTensor(this.#device, spec, `kept ${name}`, this.#core.fromHalfArray);
    }
  }

  dispose(): void {
    this.#isDisposed = true;
    for (const tensor of Object.values<GpuTensor | undefined>(this.tensors)) tensor?.dispose();
  }

  #checkSize(size: Size): void {
    if (!this.#size || this.#size.join() === size.join()) return;
    const sizes = `${this.#size.join(" x ")} and ${size.join(" x ")}`;
    throw new ArgumentError(`the pictures come to different sizes, ${sizes}`);
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
      this.#core.fromHalfArray,
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

/** Shapes of a plan's outputs, by name. */
function shapesOf({ plan }: Executor): Readonly<Record<string, Shape>> {
  return Object.fromEntries([...plan.outputs].map(([name, { value }]) => [name, value.shape]));
}
