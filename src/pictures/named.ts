// Errors that name their picture: what the GPU cannot hold is found where only pixels are known.
import { LimitError } from "../device/errors.ts";
import { type ImageLike, shownUrl } from "../io/image/image.ts";

/** The error with the picture's path or URL before a message that has it not. */
export function named(error: unknown, image: ImageLike): unknown {
  if (!(error instanceof LimitError) || (typeof image !== "string" && !(image instanceof URL))) return error;
  const name = /^(https?|data|blob):/i.test(String(image)) ? shownUrl(new URL(image)) : String(image);
  return error.message.includes(name) ? error : new LimitError(`${name}: ${error.message}`, { cause: error });
}
