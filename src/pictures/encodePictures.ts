import type { Executor } from "../graph/executor.ts";
import { closePicture, type ImageLike, openImage } from "../io/image/image.ts";
import { outputSize } from "../models/preprocess/preprocess.ts";
import type { Session } from "../session/session.ts";
import type { ImageSource } from "./decodeAhead.ts";
import type { EncodedPicture, EncodeImagesOptions, ListOptions } from "./encodeOptions.ts";
import { encodePicture } from "./pictureCopies.ts";
import type { PictureSize, PictureTower } from "./pictureRuns.ts";
import { preprocessor } from "./pictures.ts";
import { type ReadyPicture, release, toGpu } from "./upload.ts";

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
      model.run({}, { before: (encoder) => encodePicture(step, picture, encoder, model.buffer("pixels")) });
    return { index: 0, image, size, outputs: await tower.session.use(plans, run, signal) };
  } finally {
    release(picture);
  }
}
