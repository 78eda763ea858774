// DINO for commands: loaded with bars for what is downloaded, and run on pictures.
import { Dino, type DinoEncodeOptions, type DinoFeatures } from "../api/dino.ts";
import { ImageError } from "../device/errors.ts";
import type { RgbaImage } from "../io/image/image.ts";
import { type Context, modelSource, openModel } from "./context.ts";
import { type BatchOptions, loadPicture, type PictureFailure, streamOptions } from "./files/pictures.ts";

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
  paths: readonly string[],
  encoding: Pick<DinoEncodeOptions, "size" | "layers">,
  options: BatchOptions,
): AsyncGenerator<PictureWithFeatures> {
  const failures: PictureFailure[] = [];
  const stream = streamOptions(options, failures);
  for await (const { index, features } of dino.encodeImages(paths, { ...encoding, ...stream })) {
    yield* failures.splice(0);
    yield { path: paths[index] as string, features };
  }
  yield* failures;
}

/**
 * Features together with the pixels, for drawings of both, one after another. One picture that cannot be read is the
 * end: a page with panels missing would be a trap.
 */
export async function* encodeAll(
  dino: Dino,
  paths: readonly string[],
  options: DinoEncodeOptions,
  { terminal, signal }: Context,
): AsyncGenerator<EncodedPicture> {
  const progress = terminal.progress("pictures", paths.length);
  try {
    // The next one is decoded while the GPU is at work.
    let next = paths[0] === undefined ? undefined : loadPicture(paths[0], signal);
    for (let done = 0; next; progress.update(++done)) {
      const picture = await next;
      const following = paths[done + 1];
      next = following === undefined ? undefined : loadPicture(following, signal);
      signal.throwIfAborted();
      if ("message" in picture) throw new ImageError(picture.message);
      const image = { ...picture.image, channels: 4 as const };
      yield { ...picture, features: await dino.encodeImage(image, { ...options, signal }) };
    }
  } finally {
    progress.stop();
  }
}
