// A decoded picture to the GPU: bytes are written; what a browser holds goes to a texture, which the queue copies as it
// is stored (alpha not blended, colours not converted), and from there to the buffer that the kernels read.
import type { Device } from "../device/device.ts";
import type { Executor } from "../graph/executor.ts";
import type { HeldImage, Picture, RgbaImage } from "../io/image/rgba.ts";

/** A picture on the GPU. */
interface TexturePicture {
  readonly width: number;
  readonly height: number;
  readonly texture: GPUTexture;
}

/** A picture that a plan can take: bytes, or a texture that is to be destroyed. */
export type ReadyPicture = RgbaImage | TexturePicture;

/** Textures are copied to buffers in rows of whole 256 bytes. */
const ROW_PIXELS = 64;

// COPY_SRC, COPY_DST and RENDER_ATTACHMENT of GPUTextureUsage: Node has no such global.
const TEXTURE_USAGE = 1 | 2 | 16;

/** Copies what a browser holds to the GPU; what cannot be copied is read back through a canvas. */
export async function toGpu({ gpu }: Device, picture: Picture): Promise<ReadyPicture> {
  if (!("source" in picture)) return picture;
  const { width, height } = picture;
  const texture = toTexture(gpu, picture);
  return texture ? { width, height, texture } : (await import("../io/image/canvasPixels.ts")).pixelsOf(picture);
}

/** Frees a texture; commands that were submitted before have it still. */
export function release(picture: ReadyPicture): void {
  if ("texture" in picture) picture.texture.destroy();
}

/** Pixels from one row of a plan's input to the next. */
export function rowLength({ width, ...picture }: { readonly width: number; readonly texture?: unknown }): number {
  return picture.texture ? Math.ceil(width / ROW_PIXELS) * ROW_PIXELS : width;
}

/** Brings a picture to the input "image" [height, rowLength] of a plan. */
export function upload(step: Executor, picture: ReadyPicture, encoder: GPUCommandEncoder): void {
  if ("texture" in picture) {
    const { width, height, texture } = picture;
    const bytesPerRow = rowLength(picture) * 4;
    encoder.copyTextureToBuffer({ texture }, { buffer: step.buffer("image"), bytesPerRow }, [width, height]);
  } else {
    const { data } = picture;
    step.write("image", new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
}

/** A texture of the picture; undefined for one that is too large, or that this browser does not copy. */
function toTexture(gpu: GPUDevice, { source, origin = [0, 0], width, height }: HeldImage): GPUTexture | undefined {
  const size = [width, height];
  if (Math.max(...size) > gpu.limits.maxTextureDimension2D) return undefined;
  const texture = gpu.createTexture({ label: "picture", size, format: "rgba8unorm", usage: TEXTURE_USAGE });
  try {
    const to = { texture, premultipliedAlpha: false, colorSpace: "srgb" } as const;
    gpu.queue.copyExternalImageToTexture({ source, origin: [...origin] }, to, size);
    return texture;
  } catch {
    texture.destroy();
    return undefined;
  }
}
