// A picture that SAM has encoded: its embedding stays on the GPU, and each prompt is a short run of the decoder.
import { type Device, USAGE } from "../device/device.ts";
import { ArgumentError, DeviceLostError, DisposedError } from "../device/errors.ts";
import { fromHalfArray, toHalfArray } from "../device/half.ts";
import { bufferBytes, type HostArray } from "../device/tensor.ts";
import type { Bindings } from "../graph/bindings.ts";
import type { Executor } from "../graph/executor.ts";
import type { PlanSummary } from "../graph/plan.ts";
import type { CandidateFilter, CropScene, MaskCandidate, Point } from "../masks/generateMasks.ts";
import type { Part } from "../models/part.ts";
import type { SamConfig } from "../models/sam/config.ts";
import { decoderPart, maskSizes, masksPart, sceneSpecs, stabilityPart } from "../models/sam/parts.ts";
import {
  isList,
  isPrompt,
  type Placement,
  PROMPTS_PER_RUN,
  type Run,
  runsOf,
  type SamBox,
  type SamPrompt,
  wrongPrompt,
} from "../models/sam/prompts.ts";
import type { KeepOnGpu, SamGpuMasks } from "../pictures/keepOnGpu.ts";
import type { Batch, Collector } from "../pictures/tower.ts";
import type { Session } from "../session/session.ts";
import {
  type BandOutputs,
  bandsOf,
  clampLogit,
  type PredictOptions,
  roomFor,
  type SamMask,
  type SceneCore,
  unpackMasks,
} from "./samMasks.ts";

export type { PredictOptions, SamMask } from "./samMasks.ts";

/** What a scene shares with the model that made it. */
interface Origin {
  readonly placement: Placement;
  readonly config: SamConfig;
  readonly session: Session;
}

/** What a scene keeps of its picture, by name. */
type Kept = Readonly<Record<keyof ReturnType<typeof sceneSpecs>, GPUBuffer>>;

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
  readonly #kept: Kept;
  #isDisposed = false;

  private constructor(device: Device, kept: Kept, origin: Origin) {
    this.#device = device;
    this.#kept = kept;
    this.#origin = origin;
    this.width = origin.placement.width;
    this.height = origin.placement.height;
  }

  /**
   * What makes a scene of a picture: the image encoder writes the scene's own buffers.
   *
   * @internal
   */
  static collector(device: Device, origin: Origin): Collector<SamScene, SamScene> {
    const run = async (encoder: Executor, { record }: Batch) => {
      const scene = SamScene.#empty(device, origin);
      try {
        const commands = device.gpu.createCommandEncoder();
        record(commands);
        encoder.encode(commands, { bindings: scene.#kept });
        device.gpu.queue.submit([commands.finish()]);
        return scene;
      } catch (error) {
        scene.dispose();
        throw error;
      }
    };
    return { run, row: (scene) => scene, discard: (scene) => scene.dispose() };
  }

  static #empty(device: Device, origin: Origin): SamScene {
    const { config, session } = origin;
    const usage = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;
    const buffers = Object.entries(sceneSpecs({ config, dtype: session.dtype })).map(([name, spec]) => {
      return [name, device.createBuffer(bufferBytes(spec), usage, `scene ${name}`)] as const;
    });
    return new SamScene(device, Object.fromEntries(buffers) as Kept, origin);
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
    const { boxes, ...rest } = prompt ?? {};
    if (rest.keepOnGpu)
      return this.#origin.session.call(
        rest.signal,
        async (signal) => (await import("./samOnDemand.ts")).keepMasks(this.#core(), rest, signal),
        (masks) => masks.dispose(),
      );
    if (boxes === undefined) return (await this.predictBatch([prompt], rest))[0] as SamMask[];
    if (!isList(boxes)) throw new ArgumentError(`boxes is ${boxes}, expected a list of [x0, y0, x1, y1]`);
    if (rest.points || rest.box || rest.maskInput) {
      throw new ArgumentError("boxes are prompts of their own: use predictBatch to give each further points or a mask");
    }
    return this.predictBatch(
      Array.from(boxes, (box) => ({ box })),
      rest,
    );
  }

  /** Masks of each prompt, many in one run: much faster than one by one. */
  async predictBatch(prompts: readonly SamPrompt[], options: PredictOptions = {}): Promise<SamMask[][]> {
    if (!isList(prompts)) throw new ArgumentError(`predictBatch got ${prompts}, expected a list of prompts`);
    return this.#origin.session.call(options.signal, (signal) => this.#predictAll(prompts, options, signal));
  }

  async #predictAll(prompts: readonly SamPrompt[], options: PredictOptions, signal: AbortSignal): Promise<SamMask[][]> {
    const { config, placement } = this.#origin;
    for (const prompt of prompts)
      if (!isPrompt(prompt, config)) throw new ArgumentError(await wrongPrompt(prompt, config));
    this.#check(); // before a plan is made on a new device
    const results: SamMask[][] = Array(prompts.length);
    const masks = options.multimask === false ? 1 : maskSizes(config).M - 1;
    const { perRun, rows } = roomFor(this, masks, options.returnLogits, this.#device.mostBytes);
    let before: Promise<void> | undefined;
    try {
      for (const run of runsOf(prompts, placement, config, perRun)) {
        signal.throwIfAborted();
        const bands = this.#runMasks(run, options, rows, signal);
        // Masks are unpacked while the GPU works on the next run.
        const earlier = before;
        before = bands.then((outputs) => this.#place(outputs, run, results));
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
  #place(outputs: readonly BandOutputs[], { indices }: Run, results: SamMask[][]): void {
    const masks = unpackMasks(outputs, (bytes) => this.#floats(bytes), indices.length, this);
    for (const [i, index] of indices.entries()) results[index] = masks[i] as SamMask[];
  }

  /** Everything mode: masks of single points, filtered before they leave the GPU. */
  async *predictPoints(
    points: readonly Point[],
    filter: CandidateFilter,
    signal?: AbortSignal,
  ): AsyncGenerator<MaskCandidate> {
    const { predictPoints } = await import("./samOnDemand.ts");
    yield* predictPoints(this.#core(), points, filter, signal);
  }

  /** What one prompt of a point costs: dispatches, FLOPs, bytes. */
  async summary(): Promise<PlanSummary> {
    const [run] = runsOf([{ points: [{ x: 0, y: 0 }] }], this.#origin.placement, this.#origin.config);
    return this.#origin.session.summary(this.#decoder(run as Run));
  }

  /** Frees the embedding. */
  dispose(): void {
    this.#isDisposed = true;
    for (const buffer of Object.values(this.#kept)) this.#device.free(buffer);
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

  /** What samOnDemand.ts is given, so that a page loads it alone. */
  #core(): SceneCore {
    const { config, placement, session } = this.#origin;
    return {
      ...{ width: this.width, height: this.height, session, device: this.#device, ...maskSizes(config) },
      check: () => this.#check(),
      runOf: async (prompt) => {
        if (!isPrompt(prompt, config)) throw new ArgumentError(await wrongPrompt(prompt, config));
        return runsOf([prompt], placement, config)[0] as Run;
      },
      runOfPoints: (points) => {
        return runsOf(
          points.map(([x, y]) => ({ points: [{ x, y }] })),
          placement,
          config,
          points.length,
        )[0] as Run;
      },
      pointsPerRun: PROMPTS_PER_RUN,
      candidates: ({ P }) => {
        const { M, L } = maskSizes(config);
        const bytes = bufferBytes({ dtype: session.dtype, shape: [P, M, L, L] });
        return this.#device.createBuffer(bytes, USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST, "candidates");
      },
      decoder: (run) => this.#decoder(run, true),
      decode: (decoder, run, masks) => {
        return decoder.runBytes(this.#promptInputs(run), { bindings: { ...this.#imageOf(run), masks } });
      },
      stability: (settings) => stabilityPart({ ...this.#pictureSettings(), ...settings }),
      maskParts: (run, options) => this.#maskParts(run, options, { staysOnGpu: true }),
      encodeDecoder: (encoder, decoder, run) => {
        this.#encodeDecoder(encoder, decoder, run);
        return masksOf(decoder);
      },
      floats: (bytes) => this.#floats(bytes),
      fromHalfArray,
    };
  }

  /** The bytes of the masks' outputs for a run of prompts: all at once, or so many rows at a time. */
  #runMasks(run: Run, options: PredictOptions, rows: number | undefined, signal: AbortSignal): Promise<BandOutputs[]> {
    const decodeAndUpsample = (decoder: Executor, masks: Executor) => {
      this.#check();
      const band = async (first: number): Promise<BandOutputs> => {
        const before = (encoder: GPUCommandEncoder) => this.#encodeDecoder(encoder, decoder, run);
        const lengths: Readonly<Record<string, number>> = rows === undefined ? {} : { first };
        const bindings = masksOf(decoder);
        return { first, bytes: await masks.runBytes({}, { ...(first === 0 && { before }), lengths, bindings }) };
      };
      // All are submitted before anybody else uses the buffers that hold what the decoder gave.
      return Promise.all(bandsOf(this.height, rows).map(band));
    };
    return this.#origin.session.use(this.#maskParts(run, options, { rows }), decodeAndUpsample, signal);
  }

  #decoder({ P, T, hasMask }: Run, keepsMasks = false): Part {
    const { config, session } = this.#origin;
    return decoderPart({ config, dtype: session.dtype, P, T, hasMask, from: "scene", isBound: true, keepsMasks });
  }

  /** From prompts to logits of all masks, and from those to the chosen ones at the picture's size. */
  #maskParts(
    run: Run,
    { multimask = true, returnLogits = false }: PredictOptions,
    wishes: { readonly staysOnGpu?: boolean; readonly rows?: number | undefined },
  ) {
    const settings = { P: run.P, isMultimask: multimask, hasLogits: returnLogits, ...wishes };
    return [this.#decoder(run), masksPart({ ...this.#pictureSettings(), ...settings })] as const;
  }

  #pictureSettings() {
    const { config, session, placement } = this.#origin;
    return { config, dtype: session.dtype, cut: placement.cut, size: [this.height, this.width] as const };
  }

  /** What differs from prompt to prompt. */
  #promptInputs({ coords, labels, masks, hasMask }: Run): Readonly<Record<string, HostArray>> {
    return { coords, labels, ...(hasMask && { maskInput: this.#toDevice(masks) }) };
  }

  /** What a run reads of the picture: with a mask prompt its embedding, else what is made of it already. */
  #imageOf({ hasMask }: Run): Bindings {
    const { embedding, ...image } = this.#kept;
    return hasMask ? { embedding } : { ...image };
  }

  #encodeDecoder(encoder: GPUCommandEncoder, decoder: Executor, run: Run): void {
    for (const [name, data] of Object.entries(this.#promptInputs(run))) decoder.write(name, data);
    decoder.encode(encoder, { bindings: this.#imageOf(run) });
  }

  #floats(bytes: ArrayBuffer): Float32Array {
    return this.#origin.session.dtype === "f16" ? fromHalfArray(new Uint16Array(bytes)) : new Float32Array(bytes);
  }

  #toDevice(values: Float32Array): HostArray {
    return this.#origin.session.dtype === "f16" ? toHalfArray(values.map(clampLogit)) : values;
  }
}

/** The decoder's outputs, in its own buffers, as the inputs of the masks' plan in the same submit. */
function masksOf(decoder: Executor): Bindings {
  return { masks: decoder.buffer("masks"), scores: decoder.buffer("scores") };
}
