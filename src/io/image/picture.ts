// Pictures to PNG in Node and Deno, by sharp: masks, attention maps and overlays of the command line.
import { ArgumentError, ImageError } from "../../device/errors.ts";
import { loadSharp } from "./decode.ts";
import { checkSize, type RgbaImage } from "./rgba.ts";

/**
 * Encodes RGBA pixels as a PNG and, given a path, writes it there. A file that is already there is replaced only when
 * the new one is complete.
 *
 * @returns The bytes of the PNG.
 * @throws ImageError for a wrong size of the data, ArgumentError when the path cannot be written.
 * @example
 * await writePng("mask.png", { width, height, data: rgba });
 */
export async function writePng(path: string | undefined, image: RgbaImage): Promise<Uint8Array> {
  const { width, height, data } = image;
  checkSize("the picture to write", width, height);
  if (data.length !== width * height * 4) {
    throw new ImageError(
      `[writePng] data has ${data.length} bytes, expected ${width * height * 4} ` +
        `(width ${width} x height ${height} x 4)`,
    );
  }
  const sharp = await loadSharp();
  const encoded = await sharp(data, { raw: { width, height, channels: 4 } })
    .png()
    .toBuffer();
  const png = new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.length);
  if (path !== undefined) await writeWhole(path, png);
  return png;
}

/** Writes beside the path and renames, so that nobody ever reads half a file. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const { rename, rm, writeFile } = await import("node:fs/promises");
  const partial = `${path}.${crypto.randomUUID()}.partial`;
  try {
    await writeFile(partial, bytes);
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ArgumentError(`[writePng] ${path} cannot be written: ${reason}. Name a file in a folder that exists`, {
      cause,
    });
  }
}
