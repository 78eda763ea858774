// Dino, with its model in the worker.

import type {
  DinoEncodeImagesOptions,
  DinoEncodeOptions,
  DinoFeatures,
  DinoOptions,
  Dino as Direct,
  ImageFeatures,
} from "../api/dino.ts";
import type { PlanSummary } from "../graph/plan.ts";
import type { ImageLike } from "../io/image/image.ts";
import type { SourceLike } from "../io/source/source.ts";
import type { ImageSource } from "../pictures/decodeAhead.ts";
import type { ModelHealth } from "../session/health.ts";
import { packImages } from "./parcel.ts";
import type { Loaded } from "./protocol.ts";
import { RemoteModel, type WorkerDevice } from "./remote.ts";

/** DINO in the worker: methods, options and errors are those of the main entry's Dino. */
export class Dino implements Omit<Direct, "device" | "encodeImage"> {
  readonly config: Direct["config"];
  readonly dtype: Direct["dtype"];
  readonly dtypeReason: Direct["dtypeReason"];
  /** Pixels of a patch's side; of a ResNet, from one place of its map to the next. */
  readonly patchSize: number;
  readonly #remote: RemoteModel<Direct["config"]>;

  private constructor(remote: RemoteModel<Direct["config"]>, loaded: Loaded<Direct["config"]>) {
    this.#remote = remote;
    this.config = loaded.config;
    this.dtype = loaded.dtype;
    this.dtypeReason = loaded.dtypeReason;
    this.patchSize = loaded.patchSize as number;
  }

  /**
   * Loads a model in the worker, which starts with the first one; else as Dino.fromPretrained of the page.
   *
   * @throws what that throws, and WorkerError when the worker cannot start.
   */
  static async fromPretrained(from: SourceLike, options: DinoOptions = {}): Promise<Dino> {
    const { remote, loaded } = await RemoteModel.load<Direct["config"]>("Dino", from, options);
    return new Dino(remote, loaded);
  }

  /** What is known of the worker's device now. */
  device(): Promise<WorkerDevice> {
    return this.#remote.device();
  }

  /** As of the main entry's Dino; results come to the page, so that there is no keepOnGpu. */
  async encodeImage(images: ImageLike | readonly ImageLike[], options: DinoEncodeOptions = {}): Promise<DinoFeatures> {
    return (await this.#remote.call("encodeImage", (out) => [packImages(images, out)], options)) as DinoFeatures;
  }

  encodeImages(
    source: ImageSource,
    options: DinoEncodeImagesOptions = {},
  ): AsyncGenerator<ImageFeatures, void, undefined> {
    return this.#remote.stream<ImageFeatures>(source, options);
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
