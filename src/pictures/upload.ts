// A decoded picture to a buffer on the GPU: bytes are written; what a browser holds goes to a texture, which the queue
// copies as it is stored (alpha not blended, colours not converted), and from there to the buffer.
import { type Device, USAGE } from "../device/device.ts";
import { bufferBytes, type Spec } from "../device/tensor.ts";
import type { HeldImage, Picture, RgbaImage } from "../io/image/rgba.ts";
import type { Preprocessing } from "../models/preprocess/recipe.ts";

/** A picture on the GPU, or on its way there. */
export interface UploadedPicture {
  readonly width: number;
  readonly height: number;
  /** Pixels from one row to the next in the buffer. */
  readonly rowLength: number;
  /** RGBA bytes [height, rowLength]. */
  readonly buffer: GPUBuffer;
  /** Where the picture is until it was copied to the buffer. */
  readonly texture?: GPUTexture;
  /** What is left to do of its recipe, where a part of that was done on the way (bands.ts). */
  readonly recipe?: Preprocessing;
}

/** Textures are copied to buffers in rows of whole 256 bytes. */
const ROW_PIXELS = 64;

// COPY_SRC, COPY_DST and RENDER_ATTACHMENT of GPUTextureUsage: Node has no such global.
const TEXTURE_USAGE = 1 | 2 | 16;

/**
 * Brings a picture to the GPU; the decoded one is needed no more then. What a browser holds and cannot copy is read
 * back through a canvas. A picture that is too large to be bound is resized by the recipe on its way.
 *
 * @throws LimitError where the GPU cannot hold it
 */
export async function uploadPicture(device: Device, picture: Picture, recipe: Preprocessing): Promise<UploadedPicture> {
  const bytes = Math.ceil(picture.width / ROW_PIXELS) * ROW_PIXELS * picture.height * 4;
  if (bytes > device.mostBytes) {
    const { uploadInBands } = await import("../models/preprocess/bands.ts");
    const uploaded = await uploadInBands(device, await bytesOf(picture), recipe);
    if (uploaded) return uploaded;
  }
  if (!("source" in picture)) return uploadBytes(device, picture);
  const { width, height } = picture;
  const rowLength = Math.ceil(width / ROW_PIXELS) * ROW_PIXELS;
  const buffer = await pictureBuffer(device, height, rowLength);
  const { value: texture, problem } = device.own(() => toTexture(device.gpu, picture));
  const failure = await problem;
  if (texture && !failure) return { width, height, rowLength, texture, buffer };
  releasePicture(device, { buffer, texture });
  if (failure) throw failure;
  return uploadBytes(device, await bytesOf(picture));
}

async function bytesOf(picture: Picture): Promise<RgbaImage> {
  return "source" in picture ? (await import("../io/image/canvasPixels.ts")).pixelsOf(picture) : picture;
}

async function uploadBytes(device: Device, { width, height, data }: RgbaImage): Promise<UploadedPicture> {
  const buffer = await pictureBuffer(device, height, width);
  device.writeBuffer(buffer, 0, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { width, height, rowLength: width, buffer };
}

async function pictureBuffer(device: Device, height: number, rowLength: number): Promise<GPUBuffer> {
  const spec: Spec = { dtype: "u32", shape: [height, rowLength] };
  device.checkSize(spec, "the picture", "resize it first");
  const create = () => {
    return device.createBuffer(bufferBytes(spec), USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST, "picture");
  };
  const { value: buffer, problem } = device.own(create);
  const failure = await problem;
  if (!failure) return buffer;
  device.free(buffer);
  throw failure;
}

/** Records what is left to do until the picture is in its buffer. */
export function recordUpload(
  { texture, buffer, rowLength, width, height }: UploadedPicture,
  encoder: GPUCommandEncoder,
) {
  if (texture) encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: rowLength * 4 }, [width, height]);
}

/** Frees a picture; commands that were submitted before have it still. */
export function releasePicture(
  device: Device,
  { texture, buffer }: { readonly texture?: GPUTexture | undefined; readonly buffer: GPUBuffer },
): void {
  texture?.destroy();
  device.free(buffer);
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
