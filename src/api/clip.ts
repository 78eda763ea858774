// CLIP for people who have pictures and words: embeddings, zero-shot classification, search by text.
import type { Device } from "../device/device.ts";
import { ArgumentError, CheckpointError } from "../device/errors.ts";
import type { GpuTensor } from "../device/gpuTensor.ts";
import type { NdArray, Shape } from "../device/tensor.ts";
import type { PlanSummary } from "../graph/plan.ts";
import type { ImageLike } from "../io/image/image.ts";
import type { SourceLike, SourceOptions } from "../io/source/source.ts";
import { openTokenizer, type Tokenizer } from "../io/tokenizer.ts";
import type { ClipConfig } from "../models/clip/config.ts";
import { CLIP_FAMILIES, type ClipModel } from "../models/clip/family.ts";
import { similarityPart, type TokenRequest, textPart } from "../models/clip/parts.ts";
import { endPositions, needsWholeContext, padTokens, truncateTokens } from "../models/clip/tokens.ts";
import { atSize, outputSize } from "../models/preprocess/recipe.ts";
import type { ImageSource } from "../pictures/decodeAhead.ts";
import { encodeKept, encodeList, encodePictures } from "../pictures/encodePictures.ts";
import type { KeepOnGpu } from "../pictures/keepOnGpu.ts";
import { type PictureTower, preprocessor } from "../pictures/tower.ts";
import type { ModelHealth } from "../session/health.ts";
import { openPretrained, type PretrainedModel } from "../session/pretrained.ts";
import type { ModelDType, Session, SessionOptions } from "../session/session.ts";
import {
  type ClassifyOptions,
  type ClipEncodeImagesOptions,
  checkSide,
  type EncodeImageOptions,
  type EncodeTextOptions,
  type ImageEmbedding,
} from "./clipOptions.ts";
import type {
  ClipImageTokens,
  ClipTextTokens,
  ImageTokenOptions,
  ImageTokens,
  TextTokenOptions,
} from "./clipTokenOptions.ts";
import { averageGroups, type LabelScore, labelTexts, rank, rowsOf, stack } from "./embeddings.ts";

export type * from "./clipOptions.ts";

/** Options of `Clip.fromPretrained`. */
export type ClipOptions = SourceOptions & SessionOptions;

// Texts in one run: more fill a GPU better, and need more memory.
const TEXTS_PER_RUN = 32;

/** CLIP: pictures and texts as vectors of one space, labels for pictures, search by text. */
export class Clip {
  /** Sizes of both towers, as the checkpoint has them. */
  readonly config: ClipConfig;
  /** Type of weights and activations. */
  readonly dtype: ModelDType;
  /** Why it is this one, where `dtype: "auto"` left the choice open. */
  readonly dtypeReason: string | undefined;
  readonly #session: Session;
  readonly #model: ClipModel;
  readonly #tokenizer: Tokenizer | undefined;
  /** Of the checkpoint, for messages. */
  readonly #name: string;

  private constructor(pretrained: PretrainedModel<ClipModel>, tokenizer: Tokenizer | undefined) {
    const { session, model, checkpoint, dtypeReason } = pretrained;
    this.#session = session;
    this.dtype = session.modelDType;
    this.dtypeReason = dtypeReason;
    this.#model = model;
    this.config = model.config;
    this.#tokenizer = tokenizer;
    this.#name = checkpoint.name;
  }

  /**
   * Loads a checkpoint with a ViT or a ResNet: a folder (Node, Deno), a URL of a folder, a Hub id, or bytes.
   *
   * @throws NotFoundError, NetworkError, InvalidFileError, CheckpointError, AdapterError or LimitError, by what is
   * wrong; nothing stays on the GPU then.
   * @example
   * using clip = await Clip.fromPretrained("openai/clip-vit-base-patch32", { dtype: "f16" });
   */
  static async fromPretrained(from: SourceLike, options: ClipOptions = {}): Promise<Clip> {
    const pretrained = await openPretrained(CLIP_FAMILIES, from, options);
    try {
      const tokenizer = await openTokenizer(pretrained.source);
      options.signal?.throwIfAborted();
      return new Clip(pretrained, tokenizer);
    } catch (error) {
      pretrained.session.dispose();
      throw error;
    }
  }

  /** The device in use. */
  device(): Promise<Device> {
    return this.#session.device();
  }

  /**
   * Embeds pictures: [images, projection], each row of unit length; where the image tower was saved without a
   * projection, what transformers calls pooler_output: [images, channels], of the length that it has. With `keepOnGpu`
   * they stay on the GPU, in the type that the model computes in; with `hiddenStates` or `patches` tokens come too.
   *
   * @throws ImageError for what is no picture, ArgumentError for tokens of a ResNet, CheckpointError where there is no
   * image tower.
   * @example
   * const { data, shape } = await clip.encodeImage(["cat.jpg", "dog.jpg"]);     // shape [2, 512]
   * const { patches, grid } = await clip.encodeImage("cat.jpg", { patches: true });     // [1, 49, 768], [7, 7]
   */
  encodeImage(images: ImageLike | readonly ImageLike[], options: EncodeImageOptions & KeepOnGpu): Promise<GpuTensor>;
  encodeImage(
    images: ImageLike | readonly ImageLike[],
    options: EncodeImageOptions & ImageTokenOptions,
  ): Promise<ClipImageTokens>;
  encodeImage(images: ImageLike | readonly ImageLike[], options?: EncodeImageOptions): Promise<NdArray>;
  async encodeImage(
    images: ImageLike | readonly ImageLike[],
    options: EncodeImageOptions & Partial<KeepOnGpu> & ImageTokens = {},
  ): Promise<NdArray | GpuTensor | ClipImageTokens> {
    const encode = (signal: AbortSignal) => this.#encodeList(listOf(images), { ...options, signal });
    return this.#session.call(options.signal, encode, (late) => "dispose" in late && late.dispose());
  }

  /**
   * Embeds pictures of any number, in their order: the next ones are decoded while the GPU works, and only a few are in
   * memory. To stop, leave the loop or abort the signal; both free what the work took.
   *
   * @throws ImageError and its kin for a picture that cannot be read, unless there is `onError`; ArgumentError for
   * wrong options; the signal's reason when it was aborted.
   * @example
   * for await (const { index, embedding } of clip.encodeImages(paths, { batchSize: 16 })) rows[index] = embedding;
   */
  async *encodeImages(
    source: ImageSource,
    { size, ...options }: ClipEncodeImagesOptions = {},
  ): AsyncGenerator<ImageEmbedding, void, undefined> {
    const { signal, over } = this.#session.begin(options.signal);
    try {
      for await (const { index, image, outputs } of encodePictures(this.#tower(size), source, { ...options, signal })) {
        yield { index, image, embedding: (outputs.embeds as NdArray).data };
      }
    } finally {
      over();
    }
  }

  /**
   * Embeds texts: [texts, projection], each row of unit length; without a projection as `encodeImage`. With
   * `hiddenStates` tokens come too.
   *
   * @throws ArgumentError for a text that is too long when `truncate` is false; CheckpointError where there is no text
   * tower or no tokenizer.
   * @example
   * await clip.encodeText(["a red saree with gold border", "a cat"]);     // shape [2, 512]
   * const { hiddenStates } = await clip.encodeText("a cat", { hiddenStates: [-2] });     // one of [1, 77, 512]
   */
  encodeText(texts: string | readonly string[], options: EncodeTextOptions & TextTokenOptions): Promise<ClipTextTokens>;
  encodeText(texts: string | readonly string[], options?: EncodeTextOptions): Promise<NdArray>;
  async encodeText(
    texts: string | readonly string[],
    options: EncodeTextOptions & Partial<TextTokenOptions> = {},
  ): Promise<NdArray | ClipTextTokens> {
    return this.#session.call(options.signal, (signal) => this.#encodeTexts(texts, { ...options, signal }));
  }

  async #encodeList(
    list: readonly ImageLike[],
    options: EncodeImageOptions & Partial<KeepOnGpu> & ImageTokens,
  ): Promise<NdArray | GpuTensor | ClipImageTokens> {
    if (options.hiddenStates !== undefined || options.patches) return this.#imageTokens(list, options);
    if (options.keepOnGpu) {
      const viewsOf = ({ embeds = [] }: Readonly<Record<string, Shape>>) => {
        return { embeds: { output: "embeds", first: 0, shape: embeds.slice(1) } };
      };
      return (await encodeKept(this.#tower(options.size), list, viewsOf, options)).embeds;
    }
    const encoded = await encodeList(this.#tower(options.size), list, options);
    return stack(encoded.map(({ outputs }) => outputs.embeds as NdArray));
  }

  async #encodeTexts(
    texts: string | readonly string[],
    options: EncodeTextOptions & Partial<TextTokenOptions>,
  ): Promise<NdArray | ClipTextTokens> {
    const list = typeof texts === "string" ? [texts] : texts;
    if (!this.#model.has.text) throw new CheckpointError(`${this.#name} has no text tower`);
    if (!this.#tokenizer) {
      throw new CheckpointError(`${this.#name} has no tokenizer (tokenizer.json, or vocab.json and merges.txt)`);
    }
    const { max_position_embeddings: most } = this.config.text;
    const ids = truncateTokens(this.#tokenizer.encode(list), most, options.truncate ?? true, list);
    const layers = options.hiddenStates;
    const tokens = layers === undefined ? undefined : await import("./clipTokens.ts");
    const request = layers && tokens?.textRequest(this.config.text, layers);
    const runs: Readonly<Record<string, NdArray>>[] = [];
    if (ids.length === 0) {
      const { outputsOfNone } = await import("../pictures/encodeNone.ts");
      runs.push(await outputsOfNone(this.#session, this.#textPart(1, 1, request)));
    }
    for (let at = 0; at < ids.length; at += TEXTS_PER_RUN) {
      options.signal?.throwIfAborted();
      const some = ids.slice(at, at + TEXTS_PER_RUN);
      runs.push(await this.#encodeTokens(this.#tokenizer, some, request, options.signal));
    }
    return tokens && request ? tokens.textTokens(runs, request) : stack(runs.map(({ embeds }) => embeds as NdArray));
  }

  /**
   * Scores labels for pictures, best first: softmax over the labels of the scaled cosine similarities.
   *
   * @throws ArgumentError for an empty list of labels or a template without {}.
   * @example
   * await clip.classify("cat.jpg", ["cat", "coffee"]);     // [{ label: "cat", score: 0.998 }, …]
   */
  classify(image: ImageLike, labels: readonly string[], options?: ClassifyOptions): Promise<LabelScore[]>;
  classify(images: readonly ImageLike[], labels: readonly string[], options?: ClassifyOptions): Promise<LabelScore[][]>;
  async classify(
    images: ImageLike | readonly ImageLike[],
    labels: readonly string[],
    options: ClassifyOptions = {},
  ): Promise<LabelScore[] | LabelScore[][]> {
    const logits = await this.#session.call(options.signal, async (signal) => {
      const text = await this.#encodeLabels(labels, options.template, signal);
      return this.#similarity(
        (await this.#encodeList(listOf(images), { ...options, signal })) as NdArray,
        text,
        signal,
      );
    });
    const scores = rowsOf(logits).map((row) => rank(labels, row));
    return Array.isArray(images) ? scores : (scores[0] as LabelScore[]);
  }

  /** Embeds labels in their templates, the mean of several templates normalised again: [labels, projection]. */
  async encodeLabels(
    labels: readonly string[],
    template: string | readonly string[] = "a photo of a {}",
  ): Promise<NdArray> {
    return this.#session.call(undefined, (signal) => this.#encodeLabels(labels, template, signal));
  }

  async #encodeLabels(
    labels: readonly string[],
    template: string | readonly string[] = "a photo of a {}",
    signal: AbortSignal,
  ): Promise<NdArray> {
    const templates = typeof template === "string" ? [template] : template;
    const texts = labelTexts(labels, templates);
    const embeds = (await this.#encodeTexts(texts, { signal })) as NdArray;
    return templates.length === 1 ? embeds : averageGroups(embeds, templates.length);
  }

  /**
   * exp(logit_scale) times the cosine similarities of embeddings [M, C] and [N, C]: logits [M, N].
   *
   * @throws ArgumentError for embeddings of different widths, CheckpointError where a tower has no projection.
   */
  async similarity(image: NdArray, text: NdArray): Promise<NdArray> {
    return this.#session.call(undefined, (signal) => this.#similarity(image, text, signal));
  }

  async #similarity(image: NdArray, text: NdArray, signal: AbortSignal): Promise<NdArray> {
    const { missingProjection: missing } = this.#model;
    if (missing) throw new CheckpointError(`${this.#name} has no ${missing}: pictures and texts cannot be compared`);
    const [M = 0, C = 0] = image.shape;
    const [N = 0, D = 0] = text.shape;
    if (C !== D)
      throw new ArgumentError(`similarity got embeddings of ${C} and ${D} channels, expected the same number`);
    if (M === 0 || N === 0) return { data: new Float32Array(0), shape: [M, N] };
    const part = similarityPart({ config: this.config, images: M, texts: N, channels: C });
    const inputs = { image: image.data, text: text.data };
    const run = await this.#session.use([part], (executor) => executor.run(inputs), signal);
    return run.logits as NdArray;
  }

  /** What a run of this many pictures costs: dispatches, FLOPs, bytes. */
  async summary(images = 1): Promise<PlanSummary> {
    const side = this.config.vision.image_size;
    return this.#session.summary(this.#tower().part(images, outputSize(this.#model.recipe, [side, side])));
  }

  /** What bringing one picture of this size to the tower's pixels costs; it runs in the same submit. */
  async preprocessingSummary(width: number, height: number): Promise<PlanSummary> {
    return this.#session.summary(preprocessor(this.#session, { width, height }, this.#model.recipe));
  }

  /** What state the model is in, also after `dispose`; opens no device and waits for none. */
  health(): Promise<ModelHealth> {
    return this.#session.health();
  }

  /** Frees all GPU memory of the model, and its device unless the caller brought it. Calls after that throw. */
  dispose(): void {
    this.#session.dispose();
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  async #imageTokens(
    images: readonly ImageLike[],
    options: EncodeImageOptions & Partial<KeepOnGpu> & ImageTokens,
  ): Promise<ClipImageTokens> {
    if (options.keepOnGpu) throw new ArgumentError("tokens come to the host only: ask for them without keepOnGpu");
    const { imageRequest, imageTokens } = await import("./clipTokens.ts");
    const { vision } = this.config;
    const request = imageRequest(vision, options);
    return imageTokens(await encodeList(this.#tower(options.size, request), images, options), request, vision, options);
  }

  #tower(size?: number, request?: TokenRequest): PictureTower {
    const { recipe, has, image } = this.#model;
    if (!has.image) throw new CheckpointError(`${this.#name} has no image tower`);
    const session = this.#session;
    const sized = size === undefined ? recipe : atSize(recipe, checkSide(size, this.config.vision));
    const settings = { dtype: session.dtype, ...(request && { request }) };
    return {
      session,
      recipe: () => sized,
      part: (batch, pixels) => image({ ...settings, batch, size: pixels }),
    };
  }

  /** Token ids, all cut to size, as one run: padded to the longest, rounded up so that few shapes occur. */
  async #encodeTokens(
    tokenizer: Tokenizer,
    ids: readonly (readonly number[])[],
    request?: TokenRequest,
    signal?: AbortSignal,
  ) {
    const { text } = this.config;
    const part = this.#textPart(ids.length, Math.max(...ids.map((row) => row.length)), request);
    const [, T = 0] = part.inputs.ids.shape;
    const padded = padTokens(ids, T, text, tokenizer);
    const end = endPositions(padded, text).map((position, row) => row * T + position);
    const inputs = { ids: Int32Array.from(padded.flat()), end: Int32Array.from(end) };
    return this.#session.use([part], (executor) => executor.run(inputs), signal);
  }

  #textPart(batch: number, longest: number, request: TokenRequest | undefined) {
    const { text } = this.config;
    const most = text.max_position_embeddings;
    const tokens = request || needsWholeContext(text) ? most : Math.min(most, Math.ceil(longest / 8) * 8);
    return textPart({ text, batch, tokens, ...(request && { request }) });
  }
}

function listOf(images: ImageLike | readonly ImageLike[]): readonly ImageLike[] {
  return Array.isArray(images) ? images : [images as ImageLike];
}
