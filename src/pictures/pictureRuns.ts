// The GPU's side of embedding many pictures: each is brought to the tower's pixels as soon as it is decoded, a batch of
// them runs as one, and its results come back while the next one is at work. Nothing is allocated for a run: pixels
// gather in one buffer, which the queue's order makes safe to use again, and the tower's readback buffers go round.
import { type Device, USAGE } from "../device/device.ts";
import { DisposedError } from "../device/errors.ts";
import type { NdArray } from "../device/tensor.ts";
import type { Picture } from "../io/image/image.ts";
import type { Preprocessing } from "../models/preprocess/preprocess.ts";
import type { PlanRequest } from "../session/planCache.ts";
import type { Session } from "../session/session.ts";
import { abortable } from "./bell.ts";
import { encodePicture, picturesPerRun } from "./pictureCopies.ts";
import { release, toGpu } from "./upload.ts";

export type Size = readonly [height: number, width: number];

/** What matters of a picture for the plan that takes it. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** What is run on pictures. */
export interface PictureTower {
  readonly session: Session;
  /** How a picture is brought to the tower; throws ArgumentError where it cannot be. */
  recipe(picture: PictureSize): Preprocessing;
  /** The plan with input "pixels" [pictures, height, width, 3]; all its outputs have an axis of pictures first. */
  plan(pictures: number, size: Size): PlanRequest;
}

/** A tower that knows how its pictures are brought to it. */
export interface PreparedTower extends Pick<PictureTower, "session" | "plan"> {
  /** Size of a picture as the tower sees it, and the plan that makes it so. */
  prepare(picture: PictureSize): { readonly size: Size; readonly plan: PlanRequest };
}

/** Time that was spent on pictures, as performance.now() has it. */
export interface EncodeStep {
  /** Reading and decoding on the CPU; handing pixels to the GPU; the GPU at work; bringing results back. */
  readonly lane: "decode" | "upload" | "gpu" | "readback";
  /** Pictures of the step, as they came from the source. */
  readonly indices: readonly number[];
  /** When it began. */
  readonly startMs: number;
  /** When it was seen to be over. */
  readonly endMs: number;
}

/** A batch that was submitted. */
export interface PictureBatch {
  readonly size: Size;
  /** The tower's outputs; those of the batch's pictures come first. */
  readonly outputs: Promise<Record<string, NdArray>>;
}

export class PictureRuns {
  /** What was done since somebody emptied this list. */
  readonly steps: EncodeStep[] = [];
  readonly #tower: PreparedTower;
  readonly #batchSize: number;
  readonly #signal: AbortSignal | undefined;
  #device: Device | undefined;
  #pixels: GPUBuffer | undefined;
  /** Size of the pictures that gather, as the tower sees them. */
  #size: Size = [0, 0];
  /** A batch of this size ran full: what is left at the end then runs as one, which has a plan already. */
  #hasRunFull = false;
  #indices: number[] = [];
  #gpuFreeMs = 0;
  #isClosed = false;

  constructor(tower: PreparedTower, batchSize: number, signal?: AbortSignal) {
    this.#tower = tower;
    this.#batchSize = batchSize;
    this.#signal = signal;
  }

  /** Pictures that have gathered. */
  get gathered(): number {
    return this.#indices.length;
  }

  get isFull(): boolean {
    return this.#indices.length >= this.#most();
  }

  /** Whether a picture comes to the same size as those that have gathered. */
  fits(picture: Picture): boolean {
    return this.gathered === 0 || isSame(this.#sizeOf(picture), this.#size);
  }

  /** Brings a picture to the GPU as the next one of the batch; `onDone`: its pixels are needed no more. */
  async add(index: number, picture: Picture, onDone: () => void): Promise<void> {
    const { session } = this.#tower;
    this.#device ??= await session.device();
    const device = this.#device;
    const size = this.#sizeOf(picture);
    if (!isSame(size, this.#size)) this.#hasRunFull = false;
    this.#size = size;
    const ready = await toGpu(device, picture);
    const { plan } = this.#tower.prepare(ready);
    const work = session.use([plan], (step) => {
      this.#check(device);
      const startMs = performance.now();
      const bytes = step.bytes("pixels");
      const encoder = device.gpu.createCommandEncoder();
      encodePicture(step, ready, encoder, this.#room(device, bytes), this.gathered * bytes);
      device.gpu.queue.submit([encoder.finish()]);
      this.#record("upload", [index], startMs);
      this.#whenDone(device, [index], onDone);
    });
    await abortable(
      work.finally(() => release(ready)),
      this.#signal,
    );
    this.#indices.push(index);
  }

  /** Submits the batch that has gathered; the next one may gather then. */
  async run(): Promise<PictureBatch> {
    const device = this.#device as Device;
    const [indices, size, most] = [this.#indices, this.#size, this.#most()];
    this.#hasRunFull ||= indices.length === most;
    const plan = this.#tower.plan(this.#hasRunFull ? most : indices.length, size);
    const work = this.#tower.session.use([plan], (model) => {
      this.#check(device);
      const bytes = Math.ceil(model.bytes("pixels") / 4) * 4;
      const before = (encoder: GPUCommandEncoder) => {
        encoder.copyBufferToBuffer(this.#pixels as GPUBuffer, 0, model.buffer("pixels"), 0, bytes);
      };
      const outputs = model.run({}, { before });
      return { outputs: this.#timed(device, indices, outputs) };
    });
    const { outputs } = await abortable(work, this.#signal);
    this.#indices = [];
    return { size, outputs };
  }

  /** Frees the pixels; what is at work is left to end by itself. */
  close(): void {
    this.#isClosed = true;
    if (this.#pixels) this.#device?.free(this.#pixels);
  }

  #check(device: Device): void {
    if (this.#isClosed) throw new DisposedError("the embedding of these pictures was stopped");
    device.check(); // pixels that have gathered are lost with their device
  }

  #sizeOf(picture: PictureSize): Size {
    return this.#tower.prepare(picture).size;
  }

  #most(): number {
    return picturesPerRun(this.#tower.session, this.#size, this.#batchSize);
  }

  /** The buffer of a batch's pixels, of `bytes` each; a new one only for larger pictures than before. */
  #room(device: Device, bytes: number): GPUBuffer {
    const needed = Math.ceil((bytes * this.#most()) / 4) * 4;
    if (this.#pixels && this.#pixels.size >= needed) return this.#pixels;
    if (this.#pixels) device.free(this.#pixels);
    this.#pixels = device.createBuffer(needed, USAGE.COPY_SRC | USAGE.COPY_DST, "pixels of a batch");
    return this.#pixels;
  }

  async #timed<T>(device: Device, indices: readonly number[], outputs: Promise<T>): Promise<T> {
    let doneMs = performance.now();
    this.#whenDone(device, indices, () => {
      doneMs = performance.now();
    });
    const found = await outputs;
    this.#record("readback", indices, doneMs);
    return found;
  }

  /** The queue works in order: on this from when all before it was done. */
  #whenDone(device: Device, indices: readonly number[], onDone: () => void): void {
    const submittedMs = performance.now();
    const done = () => {
      this.#record("gpu", indices, Math.max(submittedMs, this.#gpuFreeMs));
      this.#gpuFreeMs = performance.now();
      onDone();
    };
    device.done().then(done, onDone);
  }

  #record(lane: EncodeStep["lane"], indices: readonly number[], startMs: number): void {
    this.steps.push({ lane, indices, startMs, endMs: performance.now() });
  }
}

function isSame([H, W]: Size, [h, w]: Size): boolean {
  return H === h && W === w;
}
