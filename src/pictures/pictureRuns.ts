// The GPU's side of running a tower on pictures: each goes to a buffer as soon as it is decoded, and a batch of them is
// preprocessed and run in one submit. Some are preprocessed before their batch is full: large ones, so that few of them
// are on the GPU at once, and where results come back to the host a few together while the GPU has nothing else to do.
import { type Device, USAGE } from "../device/device.ts";
import { DisposedError } from "../device/errors.ts";
import type { Executor } from "../graph/executor.ts";
import type { Picture } from "../io/image/image.ts";
import { outputSize, type Size } from "../models/preprocess/recipe.ts";
import { abortable } from "../session/calls.ts";
import { type Collector, type PictureSize, type PictureTower, preprocessor } from "./tower.ts";
import { recordUpload, releasePicture, type UploadedPicture, uploadPicture } from "./upload.ts";

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
export interface SubmittedBatch<Outputs> {
  readonly size: Size;
  readonly outputs: Promise<Outputs>;
}

/** Bytes of pictures that wait on the GPU for their batch. */
const MOST_WAITING = 16 << 20;

/**
 * Pictures that an idle GPU preprocesses before their batch is full: of 200 photos on a CPU adapter, whose cores decode
 * meanwhile, all were done 10 % sooner than with one submit a batch.
 */
const FEW = 2;

/** A picture that waits. */
interface Waiting {
  readonly picture: UploadedPicture;
  /** Its bytes are needed no more. */
  readonly onDone: () => void;
}

export class PictureRuns<Outputs, Row> {
  /** What was done since somebody emptied this list. */
  readonly steps: EncodeStep[] = [];
  readonly #tower: PictureTower;
  readonly #collector: Collector<Outputs, Row>;
  readonly #batchSize: number;
  readonly #signal: AbortSignal | undefined;
  #device: Device | undefined;
  /** Pixels of pictures that were preprocessed before their batch was full. */
  #pixels: GPUBuffer | undefined;
  /** Size of the pictures of the batch, as the tower sees them. */
  #size: Size = [0, 0];
  /** Most pictures of that size in a run. */
  #most = 1;
  /** A batch of this size ran full: what is left at the end then runs as one, which has a plan already. */
  #hasRunFull = false;
  #indices: number[] = [];
  /** The last ones of the batch; those before them are in #pixels. */
  #waiting: Waiting[] = [];
  #gpuFreeMs = 0;
  /** Submits that the GPU has not done yet. */
  #submits = 0;
  #isClosed = false;

  constructor(
    tower: PictureTower,
    collector: Collector<Outputs, Row>,
    batchSize: number,
    signal: AbortSignal | undefined,
  ) {
    this.#tower = tower;
    this.#collector = collector;
    this.#batchSize = batchSize;
    this.#signal = signal;
  }

  /** Pictures of the batch so far. */
  get gathered(): number {
    return this.#indices.length;
  }

  get isFull(): boolean {
    return this.#indices.length >= this.#most;
  }

  /** Whether a picture comes to the same size as those of the batch. */
  fits(picture: PictureSize): boolean {
    return this.gathered === 0 || isSame(this.#sizeOf(picture), this.#size);
  }

  /** Brings a picture to the GPU as the next one of the batch; `onDone`: its decoded pixels are needed no more. */
  async add(index: number, picture: Picture, onDone: () => void = () => {}): Promise<void> {
    this.#device ??= await this.#tower.session.device();
    const size = this.#sizeOf(picture);
    const most = isSame(size, this.#size) ? this.#most : await this.#mostOf(size);
    const uploaded = await this.#upload(this.#device, index, picture);
    if (!isSame(size, this.#size)) this.#hasRunFull = false;
    this.#size = size;
    this.#most = most;
    this.#indices.push(index);
    this.#waiting.push({ picture: uploaded, onDone });
    const bytes = this.#waiting.reduce((sum, { picture: { buffer } }) => sum + buffer.size, 0);
    const isIdle = this.#collector.isEager && this.#submits === 0 && this.#waiting.length >= FEW;
    // Of a batch of one, or the last of a batch, all goes into the run's own submit.
    if ((isIdle || bytes > MOST_WAITING) && !this.isFull) await this.#preprocessWaiting();
  }

  /** A picture that the GPU can preprocess; what was uploaded for a call that is over is freed. */
  async #upload(device: Device, index: number, picture: Picture): Promise<UploadedPicture> {
    const startMs = performance.now();
    const { session } = this.#tower;
    const work = uploadPicture(device, picture, this.#tower.recipe(picture)).then(async (uploaded) => {
      try {
        await session.use([this.#preprocessor(uploaded)], () => this.#check(device), this.#signal);
        this.#signal?.throwIfAborted();
        return uploaded;
      } catch (error) {
        releasePicture(device, uploaded);
        throw error;
      }
    });
    const uploaded = await abortable(work, this.#signal);
    this.#record("upload", [index], startMs);
    return uploaded;
  }

  /** Submits the batch; the next one may gather then. */
  async run(): Promise<SubmittedBatch<Outputs>> {
    const device = this.#device as Device;
    const [indices, size, most, waiting] = [this.#indices, this.#size, this.#most, this.#waiting];
    this.#hasRunFull ||= indices.length === most;
    const tower = this.#tower.part(this.#hasRunFull ? most : indices.length, size);
    let outputs: Promise<Outputs> | undefined;
    const work = this.#tower.session.use(
      [tower, ...waiting.map(({ picture }) => this.#preprocessor(picture))],
      (model, ...steps) => {
        this.#check(device);
        const pixels = model.buffer("pixels");
        const record = (encoder: GPUCommandEncoder) => {
          const ready = indices.length - waiting.length;
          const bytes = (model.bytes("pixels") / (this.#hasRunFull ? most : indices.length)) * ready;
          if (ready > 0) encoder.copyBufferToBuffer(this.#pixels as GPUBuffer, 0, pixels, 0, bytes);
          recordPreprocessing(encoder, waiting, steps, pixels, ready);
        };
        outputs = this.#timed(device, indices, this.#collector.run(model, { indices, size, record }));
        outputs.catch(() => {}); // told to whoever awaits them, which is later
        this.#release(device, waiting);
      },
      this.#signal,
    );
    try {
      await abortable(work, this.#signal);
      this.#indices = [];
      this.#waiting = [];
      return { size, outputs: outputs as unknown as Promise<Outputs> };
    } catch (error) {
      const discard = () => outputs?.then((some) => this.#collector.discard?.(some)).catch(() => {});
      work.then(discard, discard);
      throw error;
    }
  }

  /** Forgets the batch that gathers. */
  drop(): void {
    for (const { picture, onDone } of this.#waiting) {
      if (this.#device) releasePicture(this.#device, picture);
      onDone();
    }
    this.#indices = [];
    this.#waiting = [];
  }

  /** Frees what waits; what is at work is left to end by itself. */
  close(): void {
    this.#isClosed = true;
    if (!this.#device) return;
    for (const { picture } of this.#waiting) releasePicture(this.#device, picture);
    if (this.#pixels) this.#device.free(this.#pixels);
  }

  /** Brings the pictures that wait to #pixels, in a submit of its own. */
  async #preprocessWaiting(): Promise<void> {
    const device = this.#device as Device;
    const waiting = this.#waiting;
    const first = this.#indices.length - waiting.length;
    const work = this.#tower.session.use(
      waiting.map(({ picture }) => this.#preprocessor(picture)),
      (...steps) => {
        this.#check(device);
        const bytes = steps[0]?.bytes("pixels") ?? 0;
        const encoder = device.gpu.createCommandEncoder();
        recordPreprocessing(encoder, waiting, steps, this.#room(device, bytes), first);
        device.gpu.queue.submit([encoder.finish()]);
        this.#release(device, waiting);
      },
      this.#signal,
    );
    await abortable(work, this.#signal);
    this.#waiting = [];
  }

  #preprocessor(picture: UploadedPicture) {
    return preprocessor(this.#tower.session, picture, picture.recipe ?? this.#tower.recipe(picture));
  }

  /** After their commands were submitted. */
  #release(device: Device, waiting: readonly Waiting[]): void {
    for (const { picture } of waiting) releasePicture(device, picture);
    this.#submits++;
    const done = () => {
      this.#submits--;
      for (const { onDone } of waiting) onDone();
    };
    device.done().then(done, done);
  }

  #check(device: Device): void {
    if (this.#isClosed) throw new DisposedError("the run over these pictures was stopped");
    device.check(); // pictures that wait are lost with their device
  }

  #sizeOf(picture: PictureSize): Size {
    return outputSize(this.#tower.recipe(picture), [picture.height, picture.width]);
  }

  /**
   * Pictures of a size in a run: as many as the device binds at once, for what it refuses together it may run one by
   * one. They are put side by side on the GPU, which copies whole 4-byte words: odd sizes in f16 go alone.
   */
  async #mostOf(size: Size): Promise<number> {
    const { session } = this.#tower;
    if (session.dtype === "f16" && (size[0] * size[1]) % 2) return 1;
    let count = this.#batchSize;
    while (count > 1 && !(await session.fits(this.#tower.part(count, size)))) count = Math.ceil(count / 2);
    return count;
  }

  /** The buffer of a batch's pixels, of `bytes` each; a new one only for larger pictures than before. */
  #room(device: Device, bytes: number): GPUBuffer {
    const needed = Math.ceil((bytes * this.#most) / 4) * 4;
    if (this.#pixels && this.#pixels.size >= needed) return this.#pixels;
    if (this.#pixels) device.free(this.#pixels);
    this.#pixels = device.createBuffer(needed, USAGE.COPY_SRC | USAGE.COPY_DST, "pixels of a batch");
    return this.#pixels;
  }

  async #timed(device: Device, indices: readonly number[], outputs: Promise<Outputs>): Promise<Outputs> {
    const submittedMs = performance.now();
    let doneMs = submittedMs;
    // The queue works in order: on this from when all before it was done.
    device.done().then(
      () => {
        doneMs = performance.now();
        this.#record("gpu", indices, Math.max(submittedMs, this.#gpuFreeMs), doneMs);
        this.#gpuFreeMs = doneMs;
      },
      () => {},
    );
    const collected = await outputs;
    this.#record("readback", indices, doneMs);
    return collected;
  }

  #record(lane: EncodeStep["lane"], indices: readonly number[], startMs: number, endMs = performance.now()): void {
    this.steps.push({ lane, indices, startMs, endMs });
  }
}

/** Pictures to a tower's pixels, from row `first` on. */
function recordPreprocessing(
  encoder: GPUCommandEncoder,
  waiting: readonly Waiting[],
  steps: readonly Executor[],
  pixels: GPUBuffer,
  first: number,
): void {
  for (const [i, { picture }] of waiting.entries()) {
    const step = steps[i] as Executor;
    recordUpload(picture, encoder);
    step.encode(encoder, { bindings: { image: picture.buffer } });
    // Whole words: the half beyond an odd picture, which goes alone, lies in the padding of both buffers.
    const bytes = Math.ceil(step.bytes("pixels") / 4) * 4;
    encoder.copyBufferToBuffer(step.buffer("pixels"), 0, pixels, (first + i) * bytes, bytes);
  }
}

function isSame([H, W]: Size, [h, w]: Size): boolean {
  return H === h && W === w;
}
