// A decoded picture to the GPU: bytes are written; what a browser holds goes to a texture, which the queue copies as it
// is stored (alpha not blended, colours not converted), and from there to the buffer that the kernels read.
import type { Device } from "../device/device.ts";
import type { Executor } from "../graph/executor.ts";
import { pixelsOf } from "../io/canvas.ts";
import type { HeldImage, Picture, RgbaImage } from "../io/rgba.ts";

/** Textures are copied to buffers in rows of whole 256 bytes. */
const ROW_PIXELS = 64;

// GPUTextureUsage as a number: Node has no such global.
const TEXTURE = { COPY_SRC: 1, COPY_DST: 2, RENDER_ATTACHMENT: 16 } as const;

/** Pixels from one row of the plan's input to the next. */
export function rowLength({ width, ...picture }: Pick<Picture, "width"> & { readonly source?: unknown }): number {
  return picture.source ? Math.ceil(width / ROW_PIXELS) * ROW_PIXELS : width;
}

/**
 * Brings a picture to the input "image" [height, rowLength] of a plan. The commands must be submitted before the
 * current task ends: the texture goes then.
 */
export function upload(device: Device, step: Executor, picture: Picture, encoder: GPUCommandEncoder): void {
  const texture = "source" in picture ? toTexture(device, picture) : undefined;
  if (texture) {
    const to = { buffer: step.buffer("image"), bytesPerRow: rowLength(picture) * 4 };
    encoder.copyTextureToBuffer({ texture }, to, [picture.width, picture.height]);
    queueMicrotask(() => texture.destroy());
  } else {
    const pixels = "source" in picture ? pixelsOf(picture) : picture;
    step.write("image", withRowLength(pixels, rowLength(picture)));
  }
}

/** A texture of the picture; undefined for one that is too large, or of a kind that this browser does not copy. */
function toTexture({ gpu }: Device, { source, origin = [0, 0], width, height }: HeldImage): GPUTexture | undefined {
  if (Math.max(width, height) > gpu.limits.maxTextureDimension2D) return undefined;
  const usage = TEXTURE.COPY_SRC | TEXTURE.COPY_DST | TEXTURE.RENDER_ATTACHMENT;
  const texture = gpu.createTexture({ label: "picture", size: [width, height], format: "rgba8unorm", usage });
  try {
    gpu.queue.copyExternalImageToTexture(
      { source, origin: [...origin] },
      { texture, premultipliedAlpha: false, colorSpace: "srgb" },
      [width, height],
    );
    return texture;
  } catch {
    texture.destroy();
    return undefined;
  }
}

function bytesOf({ data }: RgbaImage): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function withRowLength(image: RgbaImage, length: number): Uint8Array {
  const { width, height } = image;
  if (length === width) return bytesOf(image);
  const rows = new Uint8Array(length * height * 4);
  for (let y = 0; y < height; y++) {
    rows.set(image.data.subarray(y * width * 4, (y + 1) * width * 4), y * length * 4);
  }
  return rows;
}
