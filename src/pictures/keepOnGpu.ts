// Results that stay on the GPU: copied out of a plan's outputs into memory of their own, within the same submit.
import type { Device } from "../device/device.ts";
import { ArgumentError } from "../device/errors.ts";
import { GpuTensor } from "../device/gpuTensor.ts";
import { BYTES, type Shape, sizeOf } from "../device/tensor.ts";
import type { Executor } from "../graph/executor.ts";

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
export interface OutputView {
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
export function copyView(
  encoder: GPUCommandEncoder,
  plan: Executor,
  part: OutputView,
  tensor: GpuTensor,
  at = 0,
): void {
  const size = BYTES[tensor.dtype];
  const [from, to, bytes] = [part.first * size, at * size, sizeOf(part.shape) * size];
  if (from % 4 || to % 4) {
    throw new ArgumentError("keepOnGpu of f16 takes an even number of channels: use dtype f32, or leave it out");
  }
  encoder.copyBufferToBuffer(plan.buffer(part.output), from, tensor.buffer, to, Math.ceil(bytes / 4) * 4);
}

/** Shapes of the outputs of the plan, by name. */
export function shapesOf({ plan }: Executor): Readonly<Record<string, Shape>> {
  return Object.fromEntries([...plan.outputs].map(([name, { value }]) => [name, value.shape]));
}

/** Masks of one prompt: runs what `record` records and the plan of the masks, of a picture of this size. */
export function keepMasks(
  device: Device,
  masks: Executor,
  { width, height }: { readonly width: number; readonly height: number },
  record: (encoder: GPUCommandEncoder) => void,
): SamGpuMasks {
  const encoder = device.gpu.createCommandEncoder();
  record(encoder);
  masks.encode(encoder);
  const keep = (output: string, shape: Shape) => {
    const tensor = roomFor(device, masks, output, shape);
    copyView(encoder, masks, { output, first: 0, shape }, tensor);
    return tensor;
  };
  const { chosenScores = [], lowRes = [] } = shapesOf(masks);
  const [, M = 0] = chosenScores;
  const kept = together({
    logits: keep("logits", [M, height, width]),
    lowResLogits: keep("lowRes", [M, ...lowRes.slice(2)]),
    scores: keep("chosenScores", [M]),
  });
  device.gpu.queue.submit([encoder.finish()]);
  return kept;
}
