// DINO for commands: loaded with bars for what is downloaded, and run on pictures.
import { Dino, type DinoEncodeOptions, type DinoFeatures } from "../api/dino.ts";
import type { RgbaImage } from "../io/image/image.ts";
import { type Context, modelSource, openModel } from "./context.ts";
import {
  type BatchOptions,
  failureOf,
  isOfPicture,
  loadPicture,
  type NamedImage,
  type PictureFailure,
  streamOptions,
} from "./files/pictures.ts";

/** The checkpoint that ships, for commands that run DINO. */
export const SHIPPED_DINO = "tiny-dino";

// Patches along the shortest edge, when no size is asked for: enough to look at, whatever the patch.
const PATCHES = 28;

export function openDino(context: Context): Promise<Dino> {
  const source = modelSource(context.options, SHIPPED_DINO);
  return openModel(context, (options) => Dino.fromPretrained(source, options), SHIPPED_DINO);
}

/** Size for maps of patches: what was asked for, or one that makes a fine grid. */
export function gridSize(dino: Dino, size: DinoEncodeOptions["size"]): DinoEncodeOptions["size"] {
  return size ?? PATCHES * dino.patchSize;
}

export interface EncodedPicture {
  readonly path: string;
  readonly image: RgbaImage;
  readonly features: DinoFeatures;
}

export type PictureWithFeatures = { readonly path: string; readonly features: DinoFeatures } | PictureFailure;

/** Features of pictures in their order. One that cannot be read gives a failure in its place, and the others go on. */
export async function* encodePictures(
  dino: Dino,
  inputs: readonly NamedImage[],
  encoding: Pick<DinoEncodeOptions, "size" | "layers">,
  options: BatchOptions,
): AsyncGenerator<PictureWithFeatures> {
  const failures: PictureFailure[] = [];
  const stream = streamOptions(inputs, options, failures);
  const images = inputs.map(({ image }) => image);
  for await (const { index, features } of dino.encodeImages(images, { ...encoding, ...stream })) {
    yield* failures.splice(0);
    yield { path: inputs[index]?.path ?? "", features };
  }
  yield* failures;
}

/**
 * Features together with the pixels, for drawings of both, one after another. One that cannot be read gives a failure
 * in its place, and the others go on.
 */
export async function* encodeAll(
  dino: Dino,
  inputs: readonly NamedImage[],
  options: DinoEncodeOptions,
  { terminal, signal }: Context,
): AsyncGenerator<EncodedPicture | PictureFailure> {
  const progress = terminal.progress("pictures", inputs.length);
  try {
    // The next one is decoded while the GPU is at work.
    let next = inputs[0] && loadPicture(inputs[0], signal);
    for (let done = 0; next; progress.update(++done)) {
      const picture = await next;
      const following = inputs[done + 1];
      next = following && loadPicture(following, signal);
      signal.throwIfAborted();
      yield "message" in picture ? picture : await encodeOne(dino, picture, { ...options, signal });
    }
  } finally {
    progress.stop();
  }
}

async function encodeOne(
  dino: Dino,
  picture: Omit<EncodedPicture, "features">,
  options: DinoEncodeOptions,
): Promise<EncodedPicture | PictureFailure> {
  try {
    const image = { ...picture.image, channels: 4 as const };
    return { ...picture, features: await dino.encodeImage(image, options) };
  } catch (error) {
    if (isOfPicture(error)) return failureOf(picture.path, error);
    throw error;
  }
}
