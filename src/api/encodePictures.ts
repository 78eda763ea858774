// Pictures through a model: a single one in one submit, many as a stream that is loaded on demand.
import type { NdArray } from "../device/tensor.ts";
import type { Executor } from "../graph/executor.ts";
import { closePicture, type ImageLike, openImage } from "../io/image.ts";
import type { ImageSource } from "./decodeAhead.ts";
import { encodePicture } from "./pictureCopies.ts";
import type { EncodeStep, PictureSize, PictureTower, Size } from "./pictureRuns.ts";
import { preprocessor } from "./pictures.ts";
import { outputSize } from "./preprocess.ts";
import type { Session } from "./session.ts";
import { type ReadyPicture, release, toGpu } from "./upload.ts";

/** How `encodeImages` goes about many pictures. */
export interface EncodeImagesOptions {
  /** Pictures in one run of the model, 8 by default: more fill a GPU better, and need more memory. */
  readonly batchSize?: number;
  /** Most bytes of decoded pixels held ahead of the GPU, 256 MiB by default; larger pictures come one at a time. */
  readonly decodeAheadBytes?: number;
  /** Stops the work at once. */
  readonly signal?: AbortSignal;
  /** Called after each picture. `total` is known where the pictures come as a list. */
  readonly onProgress?: (progress: { done: number; total: number | undefined }) => void;
  /**
   * Called, in the order of the pictures, for one that cannot be read or is too large for the GPU; the others go on.
   * When absent, such an error is thrown after the results before it.
   */
  readonly onError?: (error: unknown, picture: { index: number; image: ImageLike }) => void;
  /** Called with what was done when: material for a timeline. */
  readonly onStep?: (step: EncodeStep) => void;
}

/** Of a call that gives all results at once. */
export interface ListOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { done: number; total: number }) => void;
}

/** What the tower made of one picture: its outputs with the axis of pictures, of length 1. */
export interface EncodedPicture {
  readonly index: number;
  readonly image: ImageLike;
  readonly size: Size;
  readonly outputs: Readonly<Record<string, NdArray>>;
}

/**
 * Runs a tower on pictures, in their order. Ending the iteration early stops everything and frees what it took.
 *
 * @throws ArgumentError for wrong options or no list; what `onError` would be given, where that is absent; the signal's
 * reason when it was aborted, at once.
 */
export async function* encodePictures(
  tower: PictureTower,
  source: ImageSource,
  options: EncodeImagesOptions = {},
): AsyncGenerator<EncodedPicture, void, undefined> {
  const { PictureStream } = await import("./pictureStream.ts");
  const { session } = tower;
  const prepare = (picture: PictureSize) => {
    const recipe = tower.recipe(picture);
    return { size: outputSize(recipe, [picture.height, picture.width]), plan: preprocessor(session, picture, recipe) };
  };
  const plan: PictureTower["plan"] = (pictures, size) => tower.plan(pictures, size);
  yield* new PictureStream({ session, prepare, plan }, source, options).results();
}

/** Runs a tower on all pictures of a list; a single one, with its preprocessing, is one submit. */
export async function encodeList(
  tower: PictureTower,
  list: readonly ImageLike[],
  { signal, onProgress }: ListOptions,
): Promise<EncodedPicture[]> {
  const report = (done: number) => onProgress?.({ done, total: list.length });
  if (list.length === 1) {
    const found = await encodeOne(tower, list[0] as ImageLike, signal);
    report(1);
    return [found];
  }
  const all: EncodedPicture[] = [];
  for await (const found of encodePictures(tower, list, signal && { signal })) report(all.push(found));
  return all;
}

/** Opens a picture and brings it to the GPU. */
export async function openReady(session: Session, image: ImageLike, signal?: AbortSignal): Promise<ReadyPicture> {
  const picture = await openImage(image, signal);
  try {
    return await toGpu(await session.device(), picture);
  } finally {
    closePicture(picture);
  }
}

async function encodeOne(tower: PictureTower, image: ImageLike, signal?: AbortSignal): Promise<EncodedPicture> {
  const picture = await openReady(tower.session, image, signal);
  try {
    const recipe = tower.recipe(picture);
    const size = outputSize(recipe, [picture.height, picture.width]);
    const plans = [preprocessor(tower.session, picture, recipe), tower.plan(1, size)] as const;
    const run = (step: Executor, model: Executor) =>
      model.run({}, (encoder) => encodePicture(step, picture, encoder, model.buffer("pixels")));
    return { index: 0, image, size, outputs: await tower.session.use(plans, run, signal) };
  } finally {
    release(picture);
  }
}
