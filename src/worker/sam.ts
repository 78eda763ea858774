// Sam and its scenes, with model and embeddings in the worker.

import type { Sam as Direct, SamOptions } from "../api/sam.ts";
import type { SamScene as DirectScene, PredictOptions, SamMask } from "../api/samScene.ts";
import { ArgumentError } from "../device/errors.ts";
import type { PlanSummary } from "../graph/plan.ts";
import type { ImageLike } from "../io/image/image.ts";
import type { SourceLike } from "../io/source/source.ts";
import type { MaskRecord } from "../masks/generateMasks.ts";
import type { GenerateMasksOptions, OutputMode, Segmentations } from "../masks/options.ts";
import type { SamBox, SamPrompt } from "../models/sam/prompts.ts";
import type { ModelHealth } from "../session/health.ts";
import { pack, packImage } from "./parcel.ts";
import type { Loaded } from "./protocol.ts";
import { RemoteModel, type RemoteScene, type WorkerDevice } from "./remote.ts";

/** SAM in the worker: methods, options and errors are those of the main entry's Sam. */
export class Sam implements Omit<Direct, "device" | "encodeImage"> {
  readonly config: Direct["config"];
  readonly dtype: Direct["dtype"];
  readonly dtypeReason: Direct["dtypeReason"];
  readonly #remote: RemoteModel<Direct["config"]>;

  private constructor(remote: RemoteModel<Direct["config"]>, loaded: Loaded<Direct["config"]>) {
    this.#remote = remote;
    this.config = loaded.config;
    this.dtype = loaded.dtype;
    this.dtypeReason = loaded.dtypeReason;
  }

  /**
   * Loads a model in the worker, which starts with the first one; else as Sam.fromPretrained of the page.
   *
   * @throws what that throws, and WorkerError when the worker cannot start.
   */
  static async fromPretrained(from: SourceLike, options: SamOptions = {}): Promise<Sam> {
    const { remote, loaded } = await RemoteModel.load<Direct["config"]>("Sam", from, options);
    return new Sam(remote, loaded);
  }

  /** What is known of the worker's device now. */
  device(): Promise<WorkerDevice> {
    return this.#remote.device();
  }

  /** The scene's memory is the worker's: dispose of it as of any scene. */
  async encodeImage(image: ImageLike, options: { readonly signal?: AbortSignal } = {}): Promise<SamScene> {
    if (Array.isArray(image)) throw new ArgumentError("encodeImage of Sam takes one picture at a time");
    const { scene, width, height } = await this.#remote.encode(
      "encodeImage",
      (out) => [packImage(image, out)],
      options,
    );
    return new SamScene(scene, width, height);
  }

  async generateMasks<Mode extends OutputMode = "binary">(
    image: ImageLike,
    options: GenerateMasksOptions<Mode> = {},
  ): Promise<MaskRecord<Segmentations[Mode]>[]> {
    const records = await this.#remote.call("generateMasks", (out) => [packImage(image, out)], options);
    return records as MaskRecord<Segmentations[Mode]>[];
  }

  async summary(): Promise<PlanSummary> {
    return (await this.#remote.call("summary")) as PlanSummary;
  }

  /** As of the main entry's class; one whose worker is gone is "closed" until the next call starts another. */
  health(): Promise<ModelHealth> {
    return this.#remote.health();
  }

  dispose(): void {
    this.#remote.dispose();
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A picture that SAM has encoded, in the worker. It ends with the worker: then its calls throw WorkerError. */
export class SamScene implements Omit<DirectScene, "predictPoints" | "predict"> {
  readonly width: number;
  readonly height: number;
  readonly #remote: RemoteScene;

  /** @internal Sam.encodeImage makes scenes. */
  constructor(remote: RemoteScene, width: number, height: number) {
    this.#remote = remote;
    this.width = width;
    this.height = height;
  }

  /** Masks of what a prompt shows, in the model's order; or, for `boxes`, those of each box. */
  predict(prompt: { readonly boxes: readonly SamBox[] } & PredictOptions): Promise<SamMask[][]>;
  predict(prompt: SamPrompt & PredictOptions): Promise<SamMask[]>;
  async predict(prompt: SamPrompt & PredictOptions): Promise<SamMask[] & SamMask[][]> {
    return (await this.#remote.call("predict", undefined, prompt)) as SamMask[] & SamMask[][];
  }

  async predictBatch(prompts: readonly SamPrompt[], options: PredictOptions = {}): Promise<SamMask[][]> {
    return (await this.#remote.call("predictBatch", (out) => [pack(prompts, out)], options)) as SamMask[][];
  }

  async summary(): Promise<PlanSummary> {
    return (await this.#remote.call("summary")) as PlanSummary;
  }

  dispose(): void {
    this.#remote.dispose();
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
