// A picture that SAM has encoded: its embedding stays on the GPU, and each prompt is a short run of the decoder.
import type { Device } from "../device/device.ts";
import { ArgumentError } from "../device/errors.ts";
import type { Executor } from "../graph/executor.ts";
import type { PlanSummary } from "../graph/plan.ts";
import type { CandidateFilter, CropScene, MaskCandidate, Point } from "../masks/generateMasks.ts";
import { isList, type Run, type SamBox, type SamPrompt } from "../models/sam/prompts.ts";
import type { KeepOnGpu, SamGpuMasks } from "../pictures/keepOnGpu.ts";
import type { Batch, Collector } from "../pictures/tower.ts";
import { type BandOutputs, bandsOf, type PredictOptions, roomFor, type SamMask, unpackMasks } from "./samMasks.ts";
import { type Origin, SceneDecoder } from "./sceneDecoder.ts";

export type { PredictOptions, SamMask } from "./samMasks.ts";

/**
 * An encoded picture, from `Sam.encodeImage`. Its embedding stays on the GPU until `dispose`; a prompt is a short
 * run.
 */
export class SamScene implements CropScene {
  /** Size of the picture in pixels. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
  readonly #decoder: SceneDecoder;

  private constructor(decoder: SceneDecoder) {
    this.#decoder = decoder;
    this.width = decoder.placement.width;
    this.height = decoder.placement.height;
  }

  /**
   * What makes a scene of a picture: the image encoder writes the scene's own buffers.
   *
   * @internal
   */
  static collector(device: Device, origin: Origin): Collector<SamScene, SamScene> {
    const run = async (encoder: Executor, { record }: Batch) => {
      const decoder = new SceneDecoder(device, origin);
      try {
        const commands = device.gpu.createCommandEncoder();
        record(commands);
        encoder.encode(commands, { bindings: decoder.kept });
        device.gpu.queue.submit([commands.finish()]);
        return new SamScene(decoder);
      } catch (error) {
        decoder.dispose();
        throw error;
      }
    };
    return { run, row: (scene) => scene, discard: (scene) => scene.dispose() };
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
      return this.#decoder.session.call(
        rest.signal,
        async (signal) => (await import("./samOnDemand.ts")).keepMasks(this.#decoder, rest, signal),
        (masks) => masks.dispose(),
      );
    if (boxes === undefined) return (await this.predictBatch([prompt], rest))[0] as SamMask[];
    if (!isList(boxes) || rest.points || rest.box || rest.maskInput) {
      const { wrongBoxes } = await import("../models/sam/wrongPrompt.ts");
      throw new ArgumentError(wrongBoxes(isList(boxes), boxes));
    }
    return this.predictBatch(
      Array.from(boxes, (box) => ({ box })),
      rest,
    );
  }

  /** Masks of each prompt, many in one run: much faster than one by one. */
  async predictBatch(prompts: readonly SamPrompt[], options: PredictOptions = {}): Promise<SamMask[][]> {
    if (!isList(prompts)) {
      const { wrongList } = await import("../models/sam/wrongPrompt.ts");
      throw new ArgumentError(wrongList(prompts));
    }
    return this.#decoder.session.call(options.signal, (signal) => this.#predictAll(prompts, options, signal));
  }

  async #predictAll(prompts: readonly SamPrompt[], options: PredictOptions, signal: AbortSignal): Promise<SamMask[][]> {
    const decoder = this.#decoder;
    await decoder.checkPrompts(prompts);
    decoder.check(); // before a plan is made on a new device
    const results: SamMask[][] = Array(prompts.length);
    const masks = options.multimask === false ? 1 : decoder.sizes.M - 1;
    const { perRun, rows } = roomFor(this, masks, options.returnLogits, decoder.device.mostBytes);
    let before: Promise<void> | undefined;
    try {
      for (const run of decoder.runsOf(prompts, perRun)) {
        signal.throwIfAborted();
        const bands = this.#runMasks(run, options, rows, signal);
        // Masks are unpacked while the GPU works on the next run.
        const earlier = before;
        before = bands.then((outputs) => {
          const unpacked = unpackMasks(outputs, (bytes) => decoder.floats(bytes), run.P, this);
          for (const [i, index] of run.indices.entries()) results[index] = unpacked[i] as SamMask[];
        });
        before.catch(() => {}); // told when it is awaited, which may be after the next plan was made
        await earlier;
      }
      await before;
    } finally {
      await before?.catch(() => {});
    }
    return results;
  }

  /** Everything mode: masks of single points, filtered before they leave the GPU. */
  async *predictPoints(
    points: readonly Point[],
    filter: CandidateFilter,
    signal?: AbortSignal,
  ): AsyncGenerator<MaskCandidate> {
    const { predictPoints } = await import("./samOnDemand.ts");
    yield* predictPoints(this.#decoder, points, filter, signal);
  }

  /** What one prompt of a point costs: dispatches, FLOPs, bytes. */
  async summary(): Promise<PlanSummary> {
    return (await import("./samOnDemand.ts")).pointSummary(this.#decoder);
  }

  /** Frees the embedding. */
  dispose(): void {
    this.#decoder.dispose();
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The bytes of the masks' outputs for a run of prompts: all at once, or so many rows at a time. */
  #runMasks(run: Run, options: PredictOptions, rows: number | undefined, signal: AbortSignal): Promise<BandOutputs[]> {
    const { session } = this.#decoder;
    const decodeAndUpsample = (decoder: Executor, masks: Executor) => {
      this.#decoder.check();
      const band = async (first: number): Promise<BandOutputs> => {
        const before = (encoder: GPUCommandEncoder) => this.#decoder.encode(encoder, decoder, run);
        const lengths: Readonly<Record<string, number>> = rows === undefined ? {} : { first };
        const bindings = this.#decoder.masksOf(decoder);
        return { first, bytes: await masks.runBytes({}, { ...(first === 0 && { before }), lengths, bindings }) };
      };
      // All are submitted before anybody else uses the buffers that hold what the decoder gave.
      return Promise.all(bandsOf(this.height, rows).map(band));
    };
    return session.use(this.#decoder.maskParts(run, options, { rows }), decodeAndUpsample, signal);
  }
}
