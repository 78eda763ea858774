// SAM for people who point at things: a mask of what points, a box or a rough mask show, or of everything in a picture.
import type { Device } from "../device/device.ts";
import { ArgumentError, DeviceLostError } from "../device/errors.ts";
import { resizeLongestSide } from "../geometry/affine.ts";
import type { Executor } from "../graph/executor.ts";
import type { Graph, Value } from "../graph/graph.ts";
import type { PlanSummary } from "../graph/plan.ts";
import { closePicture, cropped, type ImageLike, openImage, type Picture } from "../io/image/image.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import { openCheckpoint } from "../io/safetensors/safetensors.ts";
import { openSource } from "../io/source/openSource.ts";
import type { Source, SourceLike, SourceOptions } from "../io/source/source.ts";
import type { CropPredictor, MaskRecord } from "../masks/generateMasks.ts";
import type { GenerateMasksOptions, OutputMode, Segmentations } from "../masks/options.ts";
import { type Preprocessing, preprocessing } from "../models/preprocess/preprocess.ts";
import { type SamConfig, samConfig } from "../models/sam/config.ts";
import { samImageEncoder } from "../models/sam/imageEncoder.ts";
import { samImage } from "../models/sam/maskDecoder.ts";
import { hasOriginalSamNames, samNaming } from "../models/sam/names.ts";
import { type Naming, Weights } from "../models/weights.ts";
import { encodePicture } from "../pictures/pictureCopies.ts";
import { preprocessor } from "../pictures/pictures.ts";
import { release, toGpu } from "../pictures/upload.ts";
import { Session, type SessionOptions } from "../session/session.ts";
import { SamScene } from "./samScene.ts";

/** Options of `Sam.fromPretrained`. */
export type SamOptions = SourceOptions & SessionOptions;

const MEAN = [123.675 / 255, 116.28 / 255, 103.53 / 255] as const;
const STD = [58.395 / 255, 57.12 / 255, 57.375 / 255] as const;

/** SAM: masks of what points, a box or a rough mask show, or of everything in a picture. */
export class Sam {
  /** Sizes of the model, as the checkpoint has them. */
  readonly config: SamConfig;
  readonly #session: Session;
  readonly #checkpoint: Checkpoint;
  readonly #recipe: Preprocessing;
  readonly #naming: Naming;
  readonly #encode: ImageEncoder;

  private constructor(session: Session, checkpoint: Checkpoint, { config, recipe, naming, encode }: SamFiles) {
    this.#session = session;
    this.#checkpoint = checkpoint;
    this.config = config;
    this.#recipe = recipe;
    this.#naming = naming;
    this.#encode = encode;
  }

  /**
   * Loads a SAM (ViT-B, L, H, SlimSAM) or MobileSAM: a folder (Node, Deno), a URL of a folder, a Hub id, or bytes.
   *
   * @throws NotFoundError, NetworkError, InvalidFileError, CheckpointError, AdapterError or LimitError, by what is
   * wrong; nothing stays on the GPU then.
   * @example
   * using sam = await Sam.fromPretrained("facebook/sam-vit-base");
   */
  static async fromPretrained(from: SourceLike, options: SamOptions = {}): Promise<Sam> {
    const source = await openSource(from, options);
    const checkpoint = await openCheckpoint(source, options);
    let session: Session | undefined;
    try {
      const files = await readFiles(source, checkpoint);
      session = await Session.open(checkpoint, options);
      const sam = new Sam(session, checkpoint, files);
      await session.preload({ encode: (graph) => sam.#buildEncoder(graph) }, options.signal);
      return sam;
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
   * Encodes a picture, the long part of the work; any number of prompts follow. The scene owns GPU memory: dispose of
   * it.
   *
   * @throws ImageError for what is no picture; LimitError for one too large for the GPU.
   * @example
   * using scene = await sam.encodeImage("dog.jpg");
   * const [mask] = await scene.predict({ points: [{ x: 450, y: 600 }], multimask: false });
   */
  async encodeImage(image: ImageLike, options: { readonly signal?: AbortSignal } = {}): Promise<SamScene> {
    if (Array.isArray(image)) throw new ArgumentError("encodeImage of Sam takes one picture at a time");
    const picture = await openImage(image, options.signal);
    try {
      return await this.#encodeOpened(picture, options.signal);
    } finally {
      closePicture(picture);
    }
  }

  /**
   * Masks of everything, as segment-anything's SamAutomaticMaskGenerator finds them, in its order.
   *
   * @throws ArgumentError for options that do not fit; ImageError; the signal's reason when it was aborted.
   * @example
   * const records = await sam.generateMasks("dog.jpg", { pointsPerSide: 16, outputMode: "coco_rle" });
   */
  async generateMasks<Mode extends OutputMode = "binary">(
    image: ImageLike,
    options: GenerateMasksOptions<Mode> = {},
  ): Promise<MaskRecord<Segmentations[Mode]>[]> {
    const picture = await openImage(image, options.signal);
    const predictor: CropPredictor = {
      width: picture.width,
      height: picture.height,
      encodeCrop: (box, signal) => this.#encodeOpened(cropped(picture, box), signal),
    };
    try {
      const { generateMasks } = await import("../masks/generateMasks.ts");
      return await generateMasks(predictor, options);
    } finally {
      closePicture(picture);
    }
  }

  /** What encoding a picture costs, after it was resized: dispatches, FLOPs, bytes. */
  async summary(): Promise<PlanSummary> {
    return (await this.#encoder()).plan.summary();
  }

  /** Frees all GPU memory of the model, and its device unless the caller brought it. Its scenes cannot be used then. */
  dispose(): void {
    this.#session.dispose();
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  async #encodeOpened(picture: Picture, signal?: AbortSignal): Promise<SamScene> {
    const { width, height } = picture;
    const inSquare = resizeLongestSide(picture, this.config.image_size);
    const cut = [inSquare.height, inSquare.width] as const;
    const encoder = await this.#encoder(signal);
    const device = await this.#session.device();
    signal?.throwIfAborted();
    const ready = await toGpu(device, picture);
    const resize = preprocessor(this.#session, ready, { ...this.#recipe, resize: cut });
    const making = this.#session.use([resize], (step) => {
      const commands = device.gpu.createCommandEncoder();
      encodePicture(step, ready, commands, encoder.buffer("pixels"));
      encoder.encode(commands);
      const scene = SamScene.take(device, commands, encoder, {
        placement: { width, height, cut },
        config: this.config,
        session: this.#session,
        weights: (graph) => this.#weights(graph),
      });
      device.gpu.queue.submit([commands.finish()]);
      return scene;
    });
    const made = await making.finally(() => release(ready));
    try {
      await device.done();
      device.check();
      signal?.throwIfAborted();
      return made;
    } catch (error) {
      made.dispose();
      throw device.lost instanceof DeviceLostError ? device.lost : error;
    }
  }

  #encoder(signal?: AbortSignal): Promise<Executor> {
    return this.#session.executor("encode", (graph) => this.#buildEncoder(graph), signal);
  }

  /** From pixels to the embedding, and what the decoder makes of it whatever the prompt. */
  #buildEncoder(graph: Graph): void {
    const { dtype } = this.#session;
    const { image_size: side, vision, image_embedding_size: places } = this.config;
    const w = this.#weights(graph);
    const pixels = graph.input("pixels", { dtype, shape: [1, side, side, 3] });
    const embedding = graph.reshape(this.#encode(pixels, w), [1, places * places, vision.output_channels]);
    graph.output("embedding", embedding);
    const image: Readonly<Record<string, Value>> = { ...samImage(embedding, w, this.config) };
    for (const [name, value] of Object.entries(image)) graph.output(name, value);
  }

  #weights(graph: Graph): Weights {
    return Weights.of(graph, this.#checkpoint, this.#session.dtype, this.#naming);
  }
}

/** pixels [1, S, S, 3] to the image embedding [1, S / patch, S / patch, channels]. */
type ImageEncoder = (pixels: Value, w: Weights) => Value;

interface SamFiles {
  readonly config: SamConfig;
  readonly recipe: Preprocessing;
  readonly naming: Naming;
  readonly encode: ImageEncoder;
}

/** config.json where there is one; else sizes from the tensors, which the original names come with. */
async function readConfig(source: Source, checkpoint: Checkpoint) {
  const json = await source.json("config.json");
  if (!hasOriginalSamNames(checkpoint)) return { config: samConfig(json ?? {}), naming: samNaming(checkpoint) };
  const { originalSamConfig, originalSamNaming } = await import("../models/sam/original.ts");
  const config = json === undefined ? originalSamConfig(checkpoint) : samConfig(json);
  return { config, naming: originalSamNaming(checkpoint) };
}

/** The image encoder that the config asks for; MobileSAM's is loaded on demand. */
async function encoderOf({ vision }: SamConfig): Promise<ImageEncoder> {
  if (vision.model_type === "sam_vision_model") return (pixels, w) => samImageEncoder(pixels, w, vision);
  const { tinyVitEncoder } = await import("../models/sam/tinyVit.ts");
  return (pixels, w) => tinyVitEncoder(pixels, w, vision);
}

/** transformers' config.json and preprocessor_config.json, or the sizes in tensors under the original names. */
async function readFiles(source: Source, checkpoint: Checkpoint): Promise<SamFiles> {
  const { config, naming } = await readConfig(source, checkpoint);
  const encode = await encoderOf(config);
  const side = config.image_size;
  const defaults: Preprocessing = {
    resample: "bilinear",
    pad: [side, side],
    rescale: 1 / 255,
    mean: MEAN,
    std: STD,
  };
  const json = (await source.json("preprocessor_config.json")) as Record<string, unknown> | undefined;
  const { size: _, pad_size: __, ...values } = json ?? {};
  const recipe = json ? { ...preprocessing(values, defaults), pad: defaults.pad } : defaults;
  return { config, recipe, naming, encode };
}
