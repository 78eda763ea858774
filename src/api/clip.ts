// CLIP for people who have pictures and words: embeddings, zero-shot classification, search by text.
import type { Device } from "../device/device.ts";
import { ArgumentError, CheckpointError } from "../device/errors.ts";
import type { GpuTensor } from "../device/gpuTensor.ts";
import type { NdArray } from "../device/tensor.ts";
import { Graph } from "../graph/graph.ts";
import { l2Normalize } from "../graph/ops.ts";
import type { PlanSummary } from "../graph/plan.ts";
import type { ImageLike } from "../io/image/image.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import { openCheckpoint } from "../io/safetensors/safetensors.ts";
import { openSource } from "../io/source/openSource.ts";
import type { SourceLike, SourceOptions } from "../io/source/source.ts";
import type { Tokenizer } from "../io/tokenizer.ts";
import { type ClipConfig, isClipResnet } from "../models/clip/config.ts";
import { type ClipFiles, readClipFiles } from "../models/clip/files.ts";
import { clipImage, clipLogits, clipText } from "../models/clip/model.ts";
import { clipNaming } from "../models/clip/names.ts";
import { endPositions, padTokens, truncateTokens } from "../models/clip/tokens.ts";
import { atSize, outputSize, type Preprocessing } from "../models/preprocess/preprocess.ts";
import { Weights } from "../models/weights.ts";
import type { ImageSource } from "../pictures/decodeAhead.ts";
import type { EncodeImagesOptions } from "../pictures/encodeOptions.ts";
import { encodeList, encodePictures } from "../pictures/encodePictures.ts";
import type { KeepOnGpu } from "../pictures/keepOnGpu.ts";
import type { PictureTower } from "../pictures/pictureRuns.ts";
import { preprocessor } from "../pictures/pictures.ts";
import type { PlanRequest } from "../session/planCache.ts";
import { Session, type SessionOptions } from "../session/session.ts";
import { averageGroups, type LabelScore, rank, rowsOf, stack } from "./embeddings.ts";

/** Options of `Clip.fromPretrained`. */
export type ClipOptions = SourceOptions & SessionOptions;

/** Options of `Clip.encodeImage`. */
export interface EncodeImageOptions {
  /** Side of the square that the model sees, where it is not the trained one: position embeddings are resized. */
  readonly size?: number;
  /** Cancels the work: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each picture. */
  readonly onProgress?: (progress: { done: number; total: number }) => void;
}

/** Options of `Clip.encodeImages`. */
export interface ClipEncodeImagesOptions extends EncodeImagesOptions {
  /** As for `encodeImage`. */
  readonly size?: number;
}

/** What `Clip.encodeImages` gives for a picture. */
export interface ImageEmbedding {
  /** Place of the picture in the source. */
  readonly index: number;
  /** The picture as it was given. */
  readonly image: ImageLike;
  /** [projection], of unit length. */
  readonly embedding: Float32Array;
}

/** Options of `Clip.encodeText`. */
export interface EncodeTextOptions {
  /** Cut texts that are longer than the model's context (default); false: throw an ArgumentError instead. */
  readonly truncate?: boolean;
  /** Cancels the work: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Options of `Clip.classify`. */
export interface ClassifyOptions extends EncodeImageOptions {
  /** Sentence with {} for the label, "a photo of a {}" by default; several are averaged (a prompt ensemble). */
  readonly template?: string | readonly string[];
}

// Texts in one run: more fill a GPU better, and need more memory.
const TEXTS_PER_RUN = 32;

/** CLIP: pictures and texts as vectors of one space, labels for pictures, search by text. */
export class Clip {
  /** Sizes of both towers, as the checkpoint has them. */
  readonly config: ClipConfig;
  readonly #session: Session;
  readonly #checkpoint: Checkpoint;
  readonly #tokenizer: Tokenizer | undefined;
  readonly #recipe: Preprocessing;

  private constructor(session: Session, checkpoint: Checkpoint, files: ClipFiles) {
    this.#session = session;
    this.#checkpoint = checkpoint;
    this.config = files.config;
    this.#tokenizer = files.tokenizer;
    this.#recipe = files.recipe;
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
    const source = await openSource(from, options);
    const files = await readClipFiles(source);
    const checkpoint = await openCheckpoint(source, options, files.weights);
    let session: Session | undefined;
    try {
      session = await Session.open(checkpoint, options);
      const clip = new Clip(session, checkpoint, files);
      await session.preload(clip.#firstPlans(), options.signal);
      return clip;
    } catch (error) {
      if (session) session.dispose();
      else await checkpoint.close();
      throw error;
    }
  }

  /** The device in use. */
  device(): Promise<Device> {
    return this.#session.device();
  }

  /**
   * Embeds pictures: [images, projection], each row of unit length. With `keepOnGpu` they stay on the GPU, in the type
   * that the model computes in.
   *
   * @throws ImageError for what is no picture, ArgumentError for an empty list.
   * @example
   * const { data, shape } = await clip.encodeImage(["cat.jpg", "dog.jpg"]);     // shape [2, 512]
   */
  encodeImage(images: ImageLike | readonly ImageLike[], options: EncodeImageOptions & KeepOnGpu): Promise<GpuTensor>;
  encodeImage(images: ImageLike | readonly ImageLike[], options?: EncodeImageOptions): Promise<NdArray>;
  async encodeImage(
    images: ImageLike | readonly ImageLike[],
    options: EncodeImageOptions & Partial<KeepOnGpu> = {},
  ): Promise<NdArray | GpuTensor> {
    const list = listOf(images);
    if (list.length === 0) throw new ArgumentError("encodeImage got an empty list, expected at least one picture");
    if (options.keepOnGpu) {
      const { keepClip } = await import("../pictures/keepPictures.ts");
      return keepClip(this.#tower(options.size), list, options);
    }
    const found = await encodeList(this.#tower(options.size), list, options);
    return stack(found.map(({ outputs }) => outputs.embeds as NdArray));
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
    for await (const { index, image, outputs } of encodePictures(this.#tower(size), source, options)) {
      yield { index, image, embedding: (outputs.embeds as NdArray).data };
    }
  }

  /**
   * Embeds texts: [texts, projection], each row of unit length.
   *
   * @throws ArgumentError for an empty list, or a text that is too long when `truncate` is false.
   * @example
   * await clip.encodeText(["a red saree with gold border", "a cat"]);     // shape [2, 512]
   */
  async encodeText(texts: string | readonly string[], options: EncodeTextOptions = {}): Promise<NdArray> {
    const list = typeof texts === "string" ? [texts] : texts;
    if (list.length === 0) throw new ArgumentError("encodeText got an empty list, expected at least one text");
    if (!this.#tokenizer) {
      throw new CheckpointError(
        `${this.#checkpoint.name} has no tokenizer (tokenizer.json, or vocab.json and merges.txt)`,
      );
    }
    const { max_position_embeddings: most } = this.config.text;
    const ids = truncateTokens(this.#tokenizer.encode(list), most, options.truncate ?? true, list);
    const rows: NdArray[] = [];
    for (let at = 0; at < ids.length; at += TEXTS_PER_RUN) {
      options.signal?.throwIfAborted();
      rows.push(await this.#encodeTokens(ids.slice(at, at + TEXTS_PER_RUN)));
    }
    return stack(rows);
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
    const text = await this.encodeLabels(labels, options.template);
    const logits = await this.similarity(await this.encodeImage(images, options), text);
    const scores = rowsOf(logits).map((row) => rank(labels, row));
    return Array.isArray(images) ? scores : (scores[0] as LabelScore[]);
  }

  /** Embeds labels in their templates, the mean of several templates normalised again: [labels, projection]. */
  async encodeLabels(
    labels: readonly string[],
    template: string | readonly string[] = "a photo of a {}",
  ): Promise<NdArray> {
    const templates = typeof template === "string" ? [template] : template;
    if (labels.length === 0) throw new ArgumentError("classify got an empty list of labels, expected at least one");
    if (templates.length === 0)
      throw new ArgumentError("classify got an empty list of templates, expected at least one");
    const wrong = templates.find((text) => !text.includes("{}"));
    if (wrong !== undefined) throw new ArgumentError(`the template "${wrong}" has no {} to put the label in`);
    const texts = labels.flatMap((label) => templates.map((text) => text.replaceAll("{}", label)));
    const embeds = await this.encodeText(texts);
    return templates.length === 1 ? embeds : averageGroups(embeds, templates.length);
  }

  /** exp(logit_scale) times the cosine similarities of embeddings [M, C] and [N, C]: logits [M, N]. */
  async similarity(image: NdArray, text: NdArray): Promise<NdArray> {
    const [M = 0, C = 0] = image.shape;
    const [N = 0, D = 0] = text.shape;
    if (C !== D)
      throw new ArgumentError(`similarity got embeddings of ${C} and ${D} channels, expected the same number`);
    const executor = await this.#session.executor(`similarity ${M} ${N} ${C}`, (graph) => {
      const a = graph.input("image", { dtype: "f32", shape: [M, C] });
      const b = graph.input("text", { dtype: "f32", shape: [N, C] });
      graph.output("logits", clipLogits(a, b, this.#weights(graph, "f32"), this.config));
    });
    return (await executor.run({ image: image.data, text: text.data })).logits as NdArray;
  }

  /** What a run of this many pictures costs: dispatches, FLOPs, bytes. */
  async summary(images = 1): Promise<PlanSummary> {
    const tower = this.#imageTower(images, outputSize(this.#recipe, [1, 1]));
    return this.#session.use([tower], ({ plan }) => plan.summary());
  }

  /** What bringing one picture of this size to the tower's pixels costs; it runs in the same submit. */
  async preprocessingSummary(width: number, height: number): Promise<PlanSummary> {
    const plans = [preprocessor(this.#session, { width, height }, this.#recipe)] as const;
    return this.#session.use(plans, ({ plan }) => plan.summary());
  }

  /** Frees all GPU memory of the model, and its device unless the caller brought it. Calls after that throw. */
  dispose(): void {
    this.#session.dispose();
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #tower(size: number | undefined): PictureTower {
    const recipe = size === undefined ? this.#recipe : atSize(this.#recipe, this.#checkSize(size));
    return { session: this.#session, recipe: () => recipe, plan: (B, size) => this.#imageTower(B, size) };
  }

  #imageTower(B: number, [H, W]: readonly [number, number]): PlanRequest {
    return { key: `image ${B} ${H} ${W}`, build: (graph) => this.#buildImage(graph, B, [H, W]) };
  }

  #buildImage(graph: Graph, B: number, [H, W]: readonly [number, number]): void {
    const pixels = graph.input("pixels", { dtype: this.#session.dtype, shape: [B, H, W, 3] });
    const { embeds } = clipImage(pixels, this.#weights(graph), this.config.vision);
    graph.output("embeds", l2Normalize({ x: embeds }));
  }

  /** Token ids, all cut to size, as one run: padded to the longest, rounded up so that few shapes occur. */
  async #encodeTokens(ids: readonly (readonly number[])[]): Promise<NdArray> {
    const { max_position_embeddings: most, eos_token_id } = this.config.text;
    const longest = Math.max(...ids.map((row) => row.length));
    const T = Math.min(most, Math.ceil(longest / 8) * 8);
    const executor = await this.#session.executor(`text ${ids.length} ${T}`, (graph) =>
      this.#buildText(graph, ids.length, T),
    );
    const end = endPositions(ids, eos_token_id).map((position, row) => row * T + position);
    const { embeds } = await executor.run({ ids: padTokens(ids, T), end: Int32Array.from(end) });
    return embeds as NdArray;
  }

  #buildText(graph: Graph, B: number, T: number): void {
    const ids = graph.input("ids", { dtype: "i32", shape: [B, T] });
    const end = graph.input("end", { dtype: "i32", shape: [B] });
    const { embeds } = clipText(ids, end, this.#weights(graph), this.config.text);
    graph.output("embeds", l2Normalize({ x: embeds }));
  }

  /** The plans that load all weights: one of each tower that the checkpoint has. */
  #firstPlans(): Record<string, (graph: Graph) => void> {
    const [H, W] = outputSize(this.#recipe, [1, 1]);
    const w = this.#weights();
    const hasVision = w.has("vision_model.embeddings.patch_embedding.weight");
    const hasText = w.has("text_model.embeddings.token_embedding.weight");
    if (!hasVision && !hasText) {
      throw new CheckpointError(`${this.#checkpoint.name} has neither CLIP's image tower nor its text tower`);
    }
    const T = Math.min(8, this.config.text.max_position_embeddings);
    return {
      ...(hasVision && { [`image 1 ${H} ${W}`]: (graph: Graph) => this.#buildImage(graph, 1, [H, W]) }),
      ...(hasText && { [`text 1 ${T}`]: (graph: Graph) => this.#buildText(graph, 1, T) }),
    };
  }

  #weights(graph?: Graph, dtype = this.#session.dtype): Weights {
    return Weights.of(graph ?? new Graph(), this.#checkpoint, dtype, clipNaming(this.#checkpoint));
  }

  #checkSize(size: number): number {
    const { vision } = this.config;
    if (isClipResnet(vision)) {
      if (size === vision.image_size) return size;
      throw new ArgumentError(`size is ${size}: a CLIP ResNet sees pictures of ${vision.image_size} pixels only`);
    }
    const { patch_size } = vision;
    if (Number.isInteger(size) && size >= patch_size && size <= 4096) return size;
    throw new ArgumentError(`size is ${size}, expected a whole number from ${patch_size} (one patch) to 4096`);
  }
}

function listOf(images: ImageLike | readonly ImageLike[]): readonly ImageLike[] {
  return Array.isArray(images) ? images : [images as ImageLike];
}
