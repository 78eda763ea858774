// Pixels of a picture in a browser, read back through a canvas: for callers that want them, and where the GPU cannot
// copy the picture by itself.
import { ImageError } from "../../device/errors.ts";
import { bitmapOf, type Drawable, foreign } from "./canvas.ts";
import { cropped } from "./crop.ts";
import { checkSize, type HeldImage, type RgbaImage } from "./rgba.ts";

/** RGBA of anything that createImageBitmap takes, upright and without colour conversion. */
export async function draw(image: Drawable, name: string): Promise<RgbaImage> {
  const bitmap = await bitmapOf(image, name);
  try {
    const { width, height } = bitmap;
    checkSize(name, width, height);
    return { width, height, data: readCanvas(bitmap) };
  } finally {
    bitmap.close();
  }
}

/** The pixels of a picture that the GPU could not copy. */
export function pixelsOf({ source, width, height, origin: [x, y] = [0, 0] }: HeldImage): RgbaImage {
  const image = { width: source.width, height: source.height, data: readCanvas(source) };
  return cropped(image, [x, y, x + width, y + height]) as RgbaImage;
}

/** Pixels by way of a 2D canvas; it multiplies colours by alpha, so pictures that are not opaque are read again. */
function readCanvas(bitmap: ImageBitmap): Uint8Array {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context)
    throw new ImageError(`[image] the browser gave no canvas of ${width} x ${height} pixels: close other tabs`);
  context.drawImage(bitmap, 0, 0);
  const { data } = readable(() => context.getImageData(0, 0, width, height));
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return isOpaque(bytes) ? bytes : (readUnblended(bitmap) ?? bytes);
}

/** Throws ImageError for a bitmap of another site's picture: neither a canvas nor a worker takes it. */
export function checkReadable(bitmap: ImageBitmap): void {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context?.drawImage(bitmap, 0, 0);
  readable(() => context?.getImageData(0, 0, 1, 1));
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw foreign("the picture", cause);
  }
}

/** Pixels by way of a WebGL texture, which keeps the colours of transparent pixels; undefined without WebGL. */
function readUnblended(bitmap: ImageBitmap): Uint8Array | undefined {
  const { width, height } = bitmap;
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!gl || Math.max(width, height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) return undefined;
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  const bytes = new Uint8Array(width * height * 4);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
  const failed = gl.getError() !== gl.NO_ERROR;
  gl.getExtension("WEBGL_lose_context")?.loseContext(); // browsers allow few contexts at a time
  return failed ? undefined : bytes;
}

function isOpaque(rgba: Uint8Array): boolean {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false;
  return true;
}
