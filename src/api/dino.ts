// DINO for people who want features: a vector of a picture, one of each patch, and where the class token looks.
import type { Device } from "../device/device.ts";
import { ArgumentError } from "../device/errors.ts";
import type { NdArray, Shape } from "../device/tensor.ts";
import type { PlanSummary } from "../graph/plan.ts";
import type { ImageLike } from "../io/image/image.ts";
import type { SourceLike, SourceOptions } from "../io/source/source.ts";
import { type AnyDinoConfig, DINO_FAMILIES, type DinoModel } from "../models/dino/family.ts";
import { type DinoRequest, layerName } from "../models/dino/parts.ts";
import type { Part } from "../models/part.ts";
import type { Preprocessing, Size } from "../models/preprocess/recipe.ts";
import type { ImageSource } from "../pictures/decodeAhead.ts";
import type { EncodedPicture, EncodeImagesOptions } from "../pictures/encodeOptions.ts";
import { encodeKept, encodeList, encodePictures } from "../pictures/encodePictures.ts";
import type { DinoGpuFeatures, KeepOnGpu, OutputView } from "../pictures/keepOnGpu.ts";
import type { PictureSize, PictureTower } from "../pictures/tower.ts";
import type { ModelHealth } from "../session/health.ts";
import { openPretrained, type PretrainedModel } from "../session/pretrained.ts";
import type { ModelDType, Session, SessionOptions } from "../session/session.ts";
import { stack } from "./embeddings.ts";

/** Options of `Dino.fromPretrained`. */
export type DinoOptions = SourceOptions & SessionOptions;

/** Options of `Dino.encodeImage`. */
export interface DinoEncodeOptions {
  /**
   * Shortest edge in pixels, both edges then rounded to whole patches; or exactly [height, width]; or, when absent,
   * what the checkpoint's own preprocessing makes.
   */
  readonly size?: number | readonly [height: number, width: number];
  /** Layers whose tokens are wanted too, each through the final norm: -1 is the last, -4 the fourth from the end. */
  readonly layers?: readonly number[];
  /** The class token's attention in the last layer (true), or in this one. */
  readonly attention?: boolean | number;
  /** 0.1 resizes position embeddings as the original DINO and DINOv2 code does; 0, transformers' way, when absent. */
  readonly interpolateOffset?: number;
  /** Cancels the work: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each picture. */
  readonly onProgress?: (progress: { done: number; total: number }) => void;
}

/** Options of `Dino.encodeImages`. */
export type DinoEncodeImagesOptions = EncodeImagesOptions & Omit<DinoEncodeOptions, "signal" | "onProgress">;

/** What `Dino.encodeImages` gives for a picture. */
export interface ImageFeatures {
  /** Place of the picture in the source. */
  readonly index: number;
  /** The picture as it was given. */
  readonly image: ImageLike;
  /** Those of this picture alone: their first axis has length 1. */
  readonly features: DinoFeatures;
}

/** Features of whole pictures and of their patches. */
export interface DinoTokens {
  /** [pictures, channels], the class token; of a ResNet, the mean of the map. */
  readonly cls: NdArray;
  /** [pictures, height * width, channels] of the grid; of a ResNet, the map. */
  readonly patches: NdArray;
}

/** Tokens of one layer. */
export interface DinoLayer extends DinoTokens {
  /** Its number, as it was asked for. */
  readonly layer: number;
}

/** What `Dino.encodeImage` gives. */
export interface DinoFeatures extends DinoTokens {
  /** Of a ResNet, what `cls` is. */
  readonly pooled?: NdArray;
  /** Of a ResNet, what `patches` is. */
  readonly map?: NdArray;
  /** Patches down and across. */
  readonly grid: readonly [height: number, width: number];
  /** Attention of the class token to the patches [pictures, heads, height * width]; a row sums to less than 1. */
  readonly attention?: NdArray;
  /** In the order asked for. */
  readonly layers?: readonly DinoLayer[];
}

const RESNET_STRIDE = 32;

/** DINO, DINOv2 and DINOv3: a vector of a picture, one of each patch, and where the class token looks. */
export class Dino {
  /** Sizes of the model, as the checkpoint has them. */
  readonly config: AnyDinoConfig;
  /** Type of weights and activations. */
  readonly dtype: ModelDType;
  /** Why it is this one, where `dtype: "auto"` left the choice open. */
  readonly dtypeReason: string | undefined;
  readonly #session: Session;
  readonly #model: DinoModel;

  private constructor({ session, model, dtypeReason }: PretrainedModel<DinoModel>) {
    this.#session = session;
    this.dtype = session.modelDType;
    this.dtypeReason = dtypeReason;
    this.#model = model;
    this.config = model.config;
  }

  /**
   * Loads a DINO (ViT or ResNet), DINOv2 or DINOv3: a folder (Node, Deno), a URL of a folder, a Hub id, or bytes.
   *
   * @throws NotFoundError, NetworkError, InvalidFileError, CheckpointError, AdapterError or LimitError, by what is
   * wrong; nothing stays on the GPU then.
   * @example
   * using dino = await Dino.fromPretrained("facebook/dino-vits16");
   */
  static async fromPretrained(from: SourceLike, options: DinoOptions = {}): Promise<Dino> {
    return new Dino(await openPretrained(DINO_FAMILIES, from, options));
  }

  /** Pixels of a patch's side; of a ResNet, from one place of its map to the next. */
  get patchSize(): number {
    return this.config.model_type === "resnet" ? RESNET_STRIDE : this.config.patch_size;
  }

  /** The device in use. */
  device(): Promise<Device> {
    return this.#session.device();
  }

  /**
   * Features of pictures. Several must come to one grid: give `size` as [height, width], or call once for each. With
   * `keepOnGpu` they stay on the GPU, in the type that the model computes in; attention and layers cannot.
   *
   * @throws ImageError for what is no picture, ArgumentError for pictures of different grids, or attention and layers
   * of a ResNet; LimitError, before anything is allocated, for a size that the GPU cannot hold.
   * @example
   * const { cls, patches, grid } = await dino.encodeImage("cat.jpg", { size: 480 });
   */
  encodeImage(
    images: ImageLike | readonly ImageLike[],
    options: DinoEncodeOptions & KeepOnGpu,
  ): Promise<DinoGpuFeatures>;
  encodeImage(images: ImageLike | readonly ImageLike[], options?: DinoEncodeOptions): Promise<DinoFeatures>;
  async encodeImage(
    images: ImageLike | readonly ImageLike[],
    options: DinoEncodeOptions & Partial<KeepOnGpu> = {},
  ): Promise<DinoFeatures | DinoGpuFeatures> {
    const list = (Array.isArray(images) ? images : [images]) as readonly ImageLike[];
    const request = this.#request(options);
    const encode = async (signal: AbortSignal): Promise<DinoFeatures | DinoGpuFeatures> => {
      if (options.keepOnGpu) return this.#keep(list, request, { ...options, signal });
      const encoded = await encodeList(this.#tower(request, options.size), list, { ...options, signal });
      const [{ size }] = encoded as [EncodedPicture];
      for (const { size: other } of encoded) checkSame(size, other);
      const runs = encoded.map(({ outputs }) => outputs);
      return this.#features(runs, size, request, options.layers !== undefined);
    };
    return this.#session.call(options.signal, encode, (late) => "dispose" in late && late.dispose());
  }

  /**
   * Features of pictures of any number, in their order: the next ones are decoded while the GPU works, and only a few
   * are in memory. Pictures that come to different sizes run in batches of their own. To stop, leave the loop or abort
   * the signal; both free what the work took.
   *
   * @throws ImageError and its kin for a picture that cannot be read, unless there is `onError`; ArgumentError for
   * wrong options; the signal's reason when it was aborted.
   * @example
   * for await (const { image, features } of dino.encodeImages(paths)) save(image, features.cls.data);
   */
  async *encodeImages(
    source: ImageSource,
    options: DinoEncodeImagesOptions = {},
  ): AsyncGenerator<ImageFeatures, void, undefined> {
    const request = this.#request(options);
    const tower = this.#tower(request, options.size);
    const { signal, over } = this.#session.begin(options.signal);
    try {
      for await (const { index, image, size, outputs } of encodePictures(tower, source, { ...options, signal })) {
        yield { index, image, features: this.#features([outputs], size, request, options.layers !== undefined) };
      }
    } finally {
      over();
    }
  }

  /** What a run on one picture of the checkpoint's own size costs: dispatches, FLOPs, bytes. */
  async summary(): Promise<PlanSummary> {
    const [first] = this.#model.firstParts(this.#session.dtype);
    return this.#session.summary(first as Part);
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

  #request({ layers = [], attention = false, interpolateOffset = 0 }: DinoEncodeOptions): DinoRequest {
    const attentionOf = attention === false ? undefined : this.#layer(attention === true ? -1 : attention);
    return { layers: layers.map((layer) => this.#layer(layer)), attentionOf, interpolateOffset };
  }

  /** A layer from 0; negative ones count from the end. */
  #layer(layer: number): number {
    if (this.config.model_type === "resnet") {
      throw new ArgumentError("a ResNet has no attention and no layers of tokens: ask a DINO with a ViT for them");
    }
    const { num_hidden_layers: count } = this.config;
    const fromStart = layer < 0 ? layer + count : layer;
    if (Number.isInteger(fromStart) && fromStart >= 0 && fromStart < count) return fromStart;
    throw new ArgumentError(`there is no layer ${layer}: the model has ${count}, from 0 or from -1 backwards`);
  }

  #recipeFor({ width, height }: PictureSize, size: DinoEncodeOptions["size"]): Preprocessing {
    if (size === undefined) return this.#model.recipe;
    const patch = this.config.model_type === "resnet" ? 1 : this.config.patch_size;
    const { crop: _, pad: __, ...recipe } = this.#model.recipe;
    const sides = typeof size === "number" ? [size, size] : size;
    if (sides.some((n) => !Number.isInteger(n) || n < patch || n > 4096)) {
      throw new ArgumentError(
        `size is ${JSON.stringify(size)}, expected whole numbers from ${patch} (one patch) to 4096`,
      );
    }
    if (typeof size !== "number") return { ...recipe, resize: size };
    const scale = size / Math.min(width, height);
    const round = (length: number) => Math.max(1, Math.round((length * scale) / patch)) * patch;
    return { ...recipe, resize: [round(height), round(width)] };
  }

  #tower(request: DinoRequest, size: DinoEncodeOptions["size"]): PictureTower {
    const session = this.#session;
    return {
      session,
      recipe: (picture) => this.#recipeFor(picture, size),
      part: (batch, pixels) => this.#model.image(batch, pixels, session.dtype, request),
    };
  }

  async #keep(
    images: readonly ImageLike[],
    request: DinoRequest,
    options: DinoEncodeOptions,
  ): Promise<DinoGpuFeatures> {
    if (request.layers.length || request.attentionOf !== undefined) {
      throw new ArgumentError("attention and layers come to the host only: ask for them without keepOnGpu");
    }
    const tower = this.#tower(request, options.size);
    let grid: Size = [0, 0];
    const viewsOf = (shapes: Readonly<Record<string, Shape>>, size: Size) => {
      grid = gridOf(shapes, size, this.config);
      return tokenViews(shapes, this.config);
    };
    const kept = await encodeKept(tower, images, viewsOf, options);
    return (await import("../pictures/keepOnGpu.ts")).together({ ...kept, grid });
  }

  #features(
    runs: readonly Readonly<Record<string, NdArray>>[],
    size: Size,
    request: DinoRequest,
    hasLayers: boolean,
  ): DinoFeatures {
    const all = (name: string) => stack(runs.map((run) => run[name] as NdArray));
    if (this.config.model_type === "resnet") return resnetFeatures(all("map"), all("pooled"));
    const prefix = 1 + this.config.num_register_tokens;
    const tokens = (name: string): DinoTokens => {
      const output = all(name);
      const [B = 0, T = 0, C = 0] = output.shape;
      const cls = { data: slice(output, 0, 1).data, shape: [B, C] };
      return { cls, patches: slice(output, prefix, T) };
    };
    return {
      ...tokens("tokens"),
      grid: gridOf({}, size, this.config),
      ...(request.attentionOf !== undefined && { attention: columns(all("attention"), prefix) }),
      ...(hasLayers && {
        layers: request.layers.map((layer) => ({ layer, ...tokens(layerName(layer)) })),
      }),
    };
  }
}

/** Patches down and across, of pictures that come to a size; of a ResNet, places of its map. */
function gridOf(shapes: Readonly<Record<string, Shape>>, [H, W]: Size, config: AnyDinoConfig): Size {
  if (config.model_type !== "resnet") return [Math.floor(H / config.patch_size), Math.floor(W / config.patch_size)];
  const [, h = 0, w = 0] = shapes.map ?? [];
  return [h, w];
}

/** Where class tokens and patches lie in a tower's outputs; of a ResNet, the mean and the map. */
function tokenViews(
  shapes: Readonly<Record<string, Shape>>,
  config: AnyDinoConfig,
): Record<"cls" | "patches", OutputView> {
  if (config.model_type === "resnet") {
    const [, h = 0, w = 0, C = 0] = shapes.map ?? [];
    const cls = { output: "pooled", first: 0, shape: [C] };
    return { cls, patches: { output: "map", first: 0, shape: [h * w, C] } };
  }
  const [, T = 0, C = 0] = shapes.tokens ?? [];
  const prefix = 1 + config.num_register_tokens;
  const cls = { output: "tokens", first: 0, shape: [C] };
  return { cls, patches: { output: "tokens", first: prefix * C, shape: [T - prefix, C] } };
}

function checkSame(size: Size, other: Size): void {
  if (size.join() === other.join()) return;
  throw new ArgumentError(
    `the pictures come to different sizes, ${size.join(" x ")} and ${other.join(" x ")}: ` +
      "give size as [height, width], or encode them one by one with encodeImages",
  );
}

/** A map [B, h, w, C] and its mean [B, C]. */
function resnetFeatures({ data, shape: [B = 0, h = 0, w = 0, C = 0] }: NdArray, pooled: NdArray): DinoFeatures {
  const map = { data, shape: [B, h * w, C] };
  return { cls: pooled, patches: map, pooled, map, grid: [h, w] };
}

/** Tokens [start, end) of each picture. */
function slice({ data, shape: [B = 0, T = 0, C = 0] }: NdArray, start: number, end: number): NdArray {
  const count = end - start;
  const out = new Float32Array(B * count * C);
  for (let b = 0; b < B; b++) out.set(data.subarray((b * T + start) * C, (b * T + end) * C), b * count * C);
  return { data: out, shape: [B, count, C] };
}

/** The last axis from `start` on. */
function columns({ data, shape }: NdArray, start: number): NdArray {
  const width = shape.at(-1) as number;
  const kept = data.filter((_, i) => i % width >= start);
  return { data: kept, shape: [...shape.slice(0, -1), width - start] };
}
