// Clip, with its model in the worker.
import type {
  ClassifyOptions,
  ClipEncodeImagesOptions,
  ClipOptions,
  Clip as Direct,
  EncodeImageOptions,
  EncodeTextOptions,
  ImageEmbedding,
} from "../api/clip.ts";
import type {
  ClipImageTokens,
  ClipTextTokens,
  ImageTokenOptions,
  ImageTokens,
  TextTokenOptions,
} from "../api/clipTokenOptions.ts";
import type { LabelScore } from "../api/embeddings.ts";
import type { NdArray } from "../device/tensor.ts";
import type { PlanSummary } from "../graph/plan.ts";
import type { ImageLike } from "../io/image/image.ts";
import type { SourceLike } from "../io/source/source.ts";
import type { ImageSource } from "../pictures/decodeAhead.ts";
import type { ModelHealth } from "../session/health.ts";
import { pack, packImages } from "./parcel.ts";
import type { Loaded } from "./protocol.ts";
import { RemoteModel, type WorkerDevice } from "./remote.ts";

/** CLIP in the worker: methods, options and errors are those of the main entry's Clip. */
export class Clip implements Omit<Direct, "device" | "encodeImage"> {
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
   * Loads a model in the worker, which starts with the first one; else as Clip.fromPretrained of the page.
   *
   * @throws what that throws, and WorkerError when the worker cannot start.
   */
  static async fromPretrained(from: SourceLike, options: ClipOptions = {}): Promise<Clip> {
    const { remote, loaded } = await RemoteModel.load<Direct["config"]>("Clip", from, options);
    return new Clip(remote, loaded);
  }

  /** What is known of the worker's device now. */
  device(): Promise<WorkerDevice> {
    return this.#remote.device();
  }

  /** As of the main entry's Clip; results come to the page, so that there is no keepOnGpu. */
  encodeImage(
    images: ImageLike | readonly ImageLike[],
    options: EncodeImageOptions & ImageTokenOptions,
  ): Promise<ClipImageTokens>;
  encodeImage(images: ImageLike | readonly ImageLike[], options?: EncodeImageOptions): Promise<NdArray>;
  async encodeImage(
    images: ImageLike | readonly ImageLike[],
    options: EncodeImageOptions & ImageTokens = {},
  ): Promise<NdArray & ClipImageTokens> {
    const result = await this.#remote.call("encodeImage", (out) => [packImages(images, out)], options);
    return result as NdArray & ClipImageTokens;
  }

  encodeImages(
    source: ImageSource,
    options: ClipEncodeImagesOptions = {},
  ): AsyncGenerator<ImageEmbedding, void, undefined> {
    return this.#remote.stream<ImageEmbedding>(source, options);
  }

  /** As of the main entry's Clip. */
  encodeText(texts: string | readonly string[], options: EncodeTextOptions & TextTokenOptions): Promise<ClipTextTokens>;
  encodeText(texts: string | readonly string[], options?: EncodeTextOptions): Promise<NdArray>;
  async encodeText(
    texts: string | readonly string[],
    options: EncodeTextOptions & Partial<TextTokenOptions> = {},
  ): Promise<NdArray & ClipTextTokens> {
    return (await this.#remote.call("encodeText", () => [texts], options)) as NdArray & ClipTextTokens;
  }

  /** Scores labels for pictures, best first. */
  classify(image: ImageLike, labels: readonly string[], options?: ClassifyOptions): Promise<LabelScore[]>;
  classify(images: readonly ImageLike[], labels: readonly string[], options?: ClassifyOptions): Promise<LabelScore[][]>;
  async classify(
    images: ImageLike | readonly ImageLike[],
    labels: readonly string[],
    options: ClassifyOptions = {},
  ): Promise<LabelScore[] & LabelScore[][]> {
    const scores = await this.#remote.call("classify", (out) => [packImages(images, out), labels], options);
    return scores as LabelScore[] & LabelScore[][];
  }

  async encodeLabels(labels: readonly string[], template?: string | readonly string[]): Promise<NdArray> {
    return (await this.#remote.call("encodeLabels", () => [labels, template])) as NdArray;
  }

  async similarity(image: NdArray, text: NdArray): Promise<NdArray> {
    return (await this.#remote.call("similarity", (out) => [pack(image, out), pack(text, out)])) as NdArray;
  }

  async summary(images = 1): Promise<PlanSummary> {
    return (await this.#remote.call("summary", () => [images])) as PlanSummary;
  }

  async preprocessingSummary(width: number, height: number): Promise<PlanSummary> {
    return (await this.#remote.call("preprocessingSummary", () => [width, height])) as PlanSummary;
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
