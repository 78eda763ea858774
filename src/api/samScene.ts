// A picture that SAM has encoded: its embedding stays on the GPU, and each prompt is a short run of the decoder.
import { type Device, USAGE } from "../device/device.ts";
import { ArgumentError, DeviceLostError, DisposedError } from "../device/errors.ts";
import { fromHalfArray, toHalfArray } from "../device/half.ts";
import type { HostArray } from "../device/tensor.ts";
import type { Executor } from "../graph/executor.ts";
import type { PlanSummary } from "../graph/plan.ts";
import type { CandidateFilter, CropScene, MaskCandidate, Point } from "../masks/generateMasks.ts";
import type { MaskBits } from "../masks/rle.ts";
import { checkPrompt, PROMPTS_PER_RUN, type Run, runsOf, type SamBox, type SamPrompt } from "../models/sam/prompts.ts";
import type { KeepOnGpu, SamGpuMasks } from "../pictures/keepOnGpu.ts";
import { decoderPlan, masksPlan, type Origin, scoresPlan, stabilityPlan } from "./samPlans.ts";

/** A mask and what the model thinks of it. */
export interface SamMask {
  /** [height * width], 1 inside and 0 outside. */
  readonly mask: Uint8Array;
  /** Pixels across, as the picture has. */
  readonly width: number;
  /** Pixels down, as the picture has. */
  readonly height: number;
  /** IoU with the true mask, as the model predicts it; may exceed 1 a little. */
  readonly score: number;
  /** [L * L] logits of the padded square, L = 4 times the embedding's side: `maskInput` of a further prompt. */
  readonly lowResLogits: Float32Array;
  /** [height * width] where asked for by `returnLogits`; the mask is where they are above 0. */
  readonly logits?: Float32Array;
}

/** Options of `SamScene.predict`. */
export interface PredictOptions {
  /**
   * Three masks from part to whole (true, as SamPredictor has it), which suits a single point; or one mask, which suits
   * several points or a box.
   */
  readonly multimask?: boolean | undefined;
  /** Give `logits` too. */
  readonly returnLogits?: boolean | undefined;
  /** Cancels the work: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a run of the decoder reads of the picture: with a mask prompt its embedding, else what is made of it already.
 */
const SHARED = ["map", "q", "k", "v"] as const;
const KEPT = ["embedding", ...SHARED] as const;
type Kept = (typeof KEPT)[number];

/**
 * An encoded picture, from `Sam.encodeImage`. Its embedding stays on the GPU until `dispose`; a prompt is a short
 * run.
 */
export class SamScene implements CropScene {
  /** Size of the picture in pixels. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
  readonly #device: Device;
  readonly #origin: Origin;
  readonly #kept: ReadonlyMap<Kept, GPUBuffer>;
  #isDisposed = false;

  private constructor(device: Device, kept: ReadonlyMap<Kept, GPUBuffer>, origin: Origin) {
    this.#device = device;
    this.#kept = kept;
    this.#origin = origin;
    this.width = origin.placement.width;
    this.height = origin.placement.height;
  }

  /**
   * Records copies of the encoder's outputs into memory of the scene's own.
   *
   * @internal
   */
  static take(device: Device, commands: GPUCommandEncoder, encoder: Executor, origin: Origin): SamScene {
    const kept = new Map<Kept, GPUBuffer>();
    for (const name of KEPT) {
      const bytes = Math.ceil(encoder.bytes(name) / 16) * 16;
      const buffer = device.createBuffer(bytes, USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST, `scene ${name}`);
      commands.copyBufferToBuffer(encoder.buffer(name), 0, buffer, 0, bytes);
      kept.set(name, buffer);
    }
    return new SamScene(device, kept, origin);
  }

  /**
   * Masks of what a prompt shows, in the model's order; or, for `boxes`, those of each box. With `keepOnGpu` logits and
   * scores stay on the GPU.
   *
   * @throws ArgumentError for a prompt that is empty or cannot be meant; DisposedError after dispose; DeviceLostError
   * when the device is gone: encode the picture again.
   * @example
   * const masks = await scene.predict({ points: [{ x: 450, y: 600, label: 1 }] });
   * const [refined] = await scene.predict({
   *   points: [{ x: 450, y: 600 }, { x: 10, y: 20, label: 0 }],
   *   maskInput: masks[0].lowResLogits,
   *   multimask: false,
   * });
   */
  predict(prompt: SamPrompt & PredictOptions & KeepOnGpu): Promise<SamGpuMasks>;
  predict(prompt: { readonly boxes: readonly SamBox[] } & PredictOptions): Promise<SamMask[][]>;
  predict(prompt: SamPrompt & PredictOptions): Promise<SamMask[]>;
  async predict(
    prompt: SamPrompt & { readonly boxes?: readonly SamBox[] } & PredictOptions & Partial<KeepOnGpu>,
  ): Promise<SamMask[] | SamMask[][] | SamGpuMasks> {
    const { boxes } = prompt;
    if (prompt.keepOnGpu) return this.#keep(prompt);
    if (!boxes) return (await this.predictBatch([prompt], prompt))[0] as SamMask[];
    if (prompt.points || prompt.box || prompt.maskInput) {
      throw new ArgumentError("boxes are prompts of their own: use predictBatch to give each further points or a mask");
    }
    return this.predictBatch(
      boxes.map((box) => ({ box })),
      prompt,
    );
  }

  /** Masks of each prompt, many in one run: much faster than one by one. */
  async predictBatch(prompts: readonly SamPrompt[], options: PredictOptions = {}): Promise<SamMask[][]> {
    if (prompts.length === 0) throw new ArgumentError("there is no prompt, expected at least one");
    const { config } = this.#origin;
    for (const prompt of prompts) checkPrompt(prompt, config);
    this.#check(); // before a plan is made on a new device
    const results: SamMask[][] = Array(prompts.length);
    let before: Promise<void> | undefined;
    try {
      for (const run of runsOf(prompts, this.#origin.placement, this.#origin.config)) {
        options.signal?.throwIfAborted();
        const decoder = await decoderPlan(this.#origin, run);
        const finish = await masksPlan(this.#origin, run.P, options);
        this.#check();
        this.#writePrompts(decoder, run);
        const bytes = finish.runBytes({}, { before: (encoder) => this.#encodeMasks(encoder, decoder, run, finish) });
        // Masks are unpacked while the GPU works on the next run.
        const earlier = before;
        before = bytes.then((found) => this.#place(found, run, results));
        before.catch(() => {}); // told when it is awaited, which may be after the next plan was made
        await earlier;
      }
      await before;
    } catch (error) {
      await before?.catch(() => {});
      throw error;
    }
    return results;
  }

  /** Puts the masks of a run where their prompts stand. */
  #place(bytes: Readonly<Record<string, ArrayBuffer>>, run: Run, results: SamMask[][]): void {
    const found = this.#split(bytes, run.indices.length);
    for (const [i, index] of run.indices.entries()) results[index] = found[i] as SamMask[];
  }

  /** Everything mode: masks of single points, filtered before they leave the GPU. */
  async *predictPoints(
    points: readonly Point[],
    filter: CandidateFilter,
    signal?: AbortSignal,
  ): AsyncGenerator<MaskCandidate> {
    for (let first = 0; first < points.length; first += PROMPTS_PER_RUN) {
      signal?.throwIfAborted();
      const prompts = points.slice(first, first + PROMPTS_PER_RUN).map(([x, y]) => ({ points: [{ x, y }] }));
      const [run] = runsOf(prompts, this.#origin.placement, this.#origin.config);
      if (!run) return;
      yield* this.#candidates(run, first, filter, signal);
    }
  }

  /** What one prompt of a point costs: dispatches, FLOPs, bytes. */
  async summary(): Promise<PlanSummary> {
    const [run] = runsOf([{ points: [{ x: 0, y: 0 }] }], this.#origin.placement, this.#origin.config);
    return (await decoderPlan(this.#origin, run as Run)).plan.summary();
  }

  /** Frees the embedding. */
  dispose(): void {
    this.#isDisposed = true;
    for (const buffer of this.#kept.values()) this.#device.free(buffer);
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #check(): void {
    if (this.#isDisposed) throw new DisposedError("this scene was disposed; encode the picture again");
    if (this.#device.lost) {
      throw new DeviceLostError("the GPU device was lost, and this scene with it: encode the picture again");
    }
    this.#device.check();
  }

  /** The masks of a run that pass the filter: scores come first, then one mask after another. */
  async *#candidates(run: Run, first: number, filter: CandidateFilter, signal?: AbortSignal) {
    this.#check();
    const decoder = await decoderPlan(this.#origin, run);
    const scores = await scoresPlan(this.#origin, run.P);
    this.#check();
    const held = this.#device.createBuffer(decoder.bytes("masks"), USAGE.COPY_SRC | USAGE.COPY_DST, "candidates");
    try {
      this.#writePrompts(decoder, run);
      const before = (encoder: GPUCommandEncoder) => {
        this.#encodeDecoder(encoder, decoder, run);
        encoder.copyBufferToBuffer(decoder.buffer("masks"), 0, held, 0, decoder.bytes("masks"));
        copy(encoder, decoder, "scores", scores, "scores");
      };
      const found = await scores.runBytes({}, { before });
      const ious = this.#floats(found.scores as ArrayBuffer);
      const M = 1 + this.#origin.config.decoder.num_multimask_outputs;
      const planes = (some: readonly number[]) => this.#planes(held, some, filter.stabilityScoreOffset);
      const { width, height } = this;
      const { candidates } = await import("../masks/candidates.ts");
      yield* candidates({ width, height, first, M, ious, planes }, filter, signal);
    } finally {
      this.#device.free(held);
    }
  }

  /** Bits of masks at the picture's size, and with the threshold moved up and down: three planes each. */
  async #planes(held: GPUBuffer, masks: readonly number[], offset: number): Promise<Uint32Array> {
    const stable = await stabilityPlan(this.#origin, offset, masks.length);
    this.#check();
    const bytes = stable.bytes("masks") / masks.length;
    const before = (encoder: GPUCommandEncoder) => {
      for (const [i, mask] of masks.entries()) {
        encoder.copyBufferToBuffer(held, mask * bytes, stable.buffer("masks"), i * bytes, bytes);
      }
    };
    const { planes } = await stable.runBytes({}, { before });
    return new Uint32Array(planes as ArrayBuffer);
  }

  /** Masks of one prompt, copied on the GPU. */
  async #keep(prompt: SamPrompt & PredictOptions): Promise<SamGpuMasks> {
    checkPrompt(prompt, this.#origin.config);
    this.#check();
    const [run] = runsOf([prompt], this.#origin.placement, this.#origin.config) as [Run];
    const decoder = await decoderPlan(this.#origin, run);
    const finish = await masksPlan(this.#origin, 1, { ...prompt, returnLogits: true });
    const { keepMasks } = await import("../pictures/keepOnGpu.ts");
    prompt.signal?.throwIfAborted();
    this.#check();
    this.#writePrompts(decoder, run);
    return keepMasks(this.#device, finish, this, (encoder) => this.#encodeMasks(encoder, decoder, run, finish));
  }

  /** Writes what differs from prompt to prompt. */
  #writePrompts(decoder: Executor, { coords, labels, masks, hasMask }: Run): void {
    decoder.write("coords", coords);
    decoder.write("labels", labels);
    if (hasMask) decoder.write("maskInput", this.#toDevice(masks));
  }

  /** Runs the decoder, and hands what it gives to the plan of the masks. */
  #encodeMasks(encoder: GPUCommandEncoder, decoder: Executor, run: Run, finish: Executor): void {
    this.#encodeDecoder(encoder, decoder, run);
    copy(encoder, decoder, "masks", finish, "masks");
    copy(encoder, decoder, "scores", finish, "allScores");
  }

  #encodeDecoder(encoder: GPUCommandEncoder, decoder: Executor, { hasMask }: Run): void {
    for (const name of hasMask ? (["embedding"] as const) : SHARED) {
      const from = this.#kept.get(name) as GPUBuffer;
      encoder.copyBufferToBuffer(from, 0, decoder.buffer(name), 0, Math.ceil(decoder.bytes(name) / 4) * 4);
    }
    decoder.encode(encoder);
  }

  #split(bytes: Readonly<Record<string, ArrayBuffer>>, P: number): SamMask[][] {
    const { width, height } = this;
    const scores = this.#floats(bytes.scores as ArrayBuffer);
    const lowRes = this.#floats(bytes.lowRes as ArrayBuffer);
    const logits = bytes.logits && new Float32Array(bytes.logits);
    const words = bytes.bits && new Uint32Array(bytes.bits);
    const perPrompt = scores.length / P;
    const part = <A extends HostArray>(all: A, i: number): A => {
      const size = all.length / scores.length;
      return all.slice(i * size, (i + 1) * size) as A;
    };
    const one = (i: number): SamMask => {
      const its = logits && part(logits, i);
      const mask = its ? isAbove(its) : toBytes({ width, height, words: part(words as Uint32Array, i) });
      const score = scores[i] as number;
      return { mask, width, height, score, lowResLogits: part(lowRes, i), ...(its && { logits: its }) };
    };
    return Array.from({ length: P }, (_, p) => Array.from({ length: perPrompt }, (_, m) => one(p * perPrompt + m)));
  }

  #floats(bytes: ArrayBuffer): Float32Array {
    return this.#origin.session.dtype === "f16" ? fromHalfArray(new Uint16Array(bytes)) : new Float32Array(bytes);
  }

  #toDevice(values: Float32Array): HostArray {
    return this.#origin.session.dtype === "f16" ? toHalfArray(values) : values;
  }
}

/** An output of one plan as an input of another, within one submit. */
function copy(encoder: GPUCommandEncoder, from: Executor, output: string, to: Executor, input: string): void {
  encoder.copyBufferToBuffer(from.buffer(output), 0, to.buffer(input), 0, Math.ceil(from.bytes(output) / 4) * 4);
}

function isAbove(logits: Float32Array): Uint8Array {
  return Uint8Array.from(logits, (value) => Number(value > 0));
}

/** Bits column by column as bytes row by row. */
function toBytes({ width, height, words }: MaskBits): Uint8Array {
  const mask = new Uint8Array(width * height);
  const perColumn = Math.ceil(height / 32);
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      mask[y * width + x] = ((words[x * perColumn + (y >> 5)] as number) >>> (y & 31)) & 1;
    }
  }
  return mask;
}
