// SAM for people who point at things: a mask of what points, a box or a rough mask show, or of everything in a picture.
import type { Device } from "../device/device.ts";
import type { PlanSummary } from "../graph/plan.ts";
import { closePicture, type ImageLike, openImage, type Picture } from "../io/image/image.ts";
import type { SourceLike, SourceOptions } from "../io/source/source.ts";
import type { MaskRecord } from "../masks/generateMasks.ts";
import type { GenerateMasksOptions, OutputMode, Segmentations } from "../masks/options.ts";
import { resizedSize } from "../models/preprocess/recipe.ts";
import type { SamConfig } from "../models/sam/config.ts";
import { SAM_FAMILIES, type SamModel } from "../models/sam/family.ts";
import { encodePicture } from "../pictures/encodePictures.ts";
import { named } from "../pictures/named.ts";
import type { PictureTower } from "../pictures/tower.ts";
import type { ModelHealth } from "../session/health.ts";
import { openPretrained, type PretrainedModel } from "../session/pretrained.ts";
import type { ModelDType, Session, SessionOptions } from "../session/session.ts";
import { SamScene } from "./samScene.ts";

/** Options of `Sam.fromPretrained`. */
export type SamOptions = SourceOptions & SessionOptions;

/** SAM: masks of what points, a box or a rough mask show, or of everything in a picture. */
export class Sam {
  /** Sizes of the model, as the checkpoint has them. */
  readonly config: SamConfig;
  /** Type of weights and activations. */
  readonly dtype: ModelDType;
  /** Why it is this one, where `dtype: "auto"` left the choice open. */
  readonly dtypeReason: string | undefined;
  readonly #session: Session;
  readonly #model: SamModel;

  private constructor({ session, model, dtypeReason }: PretrainedModel<SamModel>) {
    this.#session = session;
    this.dtype = session.modelDType;
    this.dtypeReason = dtypeReason;
    this.#model = model;
    this.config = model.config;
  }

  /**
   * Loads a SAM (ViT-B, L, H, SlimSAM), MobileSAM, or SAM 2 and 2.1: a folder (Node, Deno), a URL of a folder, a Hub
   * id, or bytes.
   *
   * @throws NotFoundError, NetworkError, InvalidFileError, CheckpointError, AdapterError or LimitError, by what is
   * wrong; nothing stays on the GPU then.
   * @example
   * using sam = await Sam.fromPretrained("facebook/sam-vit-base");
   */
  static async fromPretrained(from: SourceLike, options: SamOptions = {}): Promise<Sam> {
    return new Sam(await openPretrained(SAM_FAMILIES, from, options));
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
    if (Array.isArray(image)) throw (await import("../models/sam/wrongPrompt.ts")).severalPictures();
    const encode = async (signal: AbortSignal) => {
      const picture = await openImage(image, signal);
      try {
        return await this.#encodeOpened(picture, signal);
      } catch (error) {
        throw named(error, image);
      } finally {
        closePicture(picture);
      }
    };
    return this.#session.call(options.signal, encode, (scene) => scene.dispose());
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
    return this.#session.call(options.signal, async (signal) => {
      const { generateMasksOf } = await import("./samOnDemand.ts");
      return generateMasksOf(image, (picture) => this.#encodeOpened(picture, signal), { ...options, signal });
    });
  }

  /** What encoding a picture costs, after it was resized: dispatches, FLOPs, bytes. */
  async summary(): Promise<PlanSummary> {
    return this.#session.summary(this.#encoder());
  }

  /** What state the model is in, also after `dispose`; opens no device and waits for none. */
  health(): Promise<ModelHealth> {
    return this.#session.health();
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
    const session = this.#session;
    const device = await session.device();
    const { width, height } = picture;
    const { recipe } = this.#model;
    const cut = resizedSize(recipe.resize, [height, width]);
    const tower: PictureTower = {
      session,
      recipe: () => recipe,
      part: () => this.#encoder(),
    };
    const origin = { placement: { width, height, cut }, model: this.#model, session };
    const { outputs: scene } = await encodePicture(tower, SamScene.collector(device, origin), picture, signal);
    try {
      await device.done();
      device.check();
      signal?.throwIfAborted();
      return scene;
    } catch (error) {
      scene.dispose();
      throw device.lost ?? error;
    }
  }

  /** From pixels to what a scene keeps, in the scene's own buffers. */
  #encoder() {
    return this.#model.firstParts(this.#session.dtype)[0];
  }
}
