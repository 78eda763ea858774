// What can be taken away: the cut-out with alpha, the mask, and COCO's JSON.
import { type CocoRle, encodeRle, maskBox, type Rle, toCocoRle } from "../engine.ts";
import { isReduced, type Picture } from "./picture.ts";
import { type Region, shapeOf } from "./region.ts";

/** A mask with what COCO's JSON says of it. */
export interface Annotated {
  readonly rle: Rle;
  readonly score: number;
  readonly stabilityScore?: number;
  readonly points?: readonly (readonly [number, number])[];
}

/** The picture at the size of its file, clear outside the mask. */
export async function cutOut(picture: Picture, region: Region): Promise<Blob> {
  const { width, height } = picture.full;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  const bitmap = isReduced(picture) ? await createImageBitmap(picture.file) : picture.bitmap;
  context.drawImage(bitmap, 0, 0);
  if (bitmap !== picture.bitmap) bitmap.close();
  context.globalCompositeOperation = "destination-in";
  drawShape(context, picture, region);
  return canvas.convertToBlob({ type: "image/png" });
}

/** White inside, black outside, at the size of the file's picture. */
export async function maskPicture(picture: Picture, region: Region): Promise<Blob> {
  const { width, height } = picture.full;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, height);
  drawShape(context, picture, region);
  return canvas.convertToBlob({ type: "image/png" });
}

/** Masks as COCO's tools read them, in pixels of the picture as SAM saw it. */
export function cocoJson({ name, width, height }: Picture, masks: readonly Annotated[]): Blob {
  const annotations = masks.map(({ rle, score, stabilityScore, points }, i) => {
    const [x0, y0, x1, y1] = maskBox(rle);
    const segmentation: CocoRle = toCocoRle(rle);
    const area = rle.counts.reduce((sum, count, at) => sum + (at % 2 ? count : 0), 0);
    const bbox = area > 0 ? [x0, y0, x1 - x0 + 1, y1 - y0 + 1] : [0, 0, 0, 0]; // COCO counts pixels
    const more = {
      ...(stabilityScore !== undefined && { stability_score: stabilityScore }),
      ...(points && { point_coords: points }),
    };
    return { id: i + 1, image_id: 1, category_id: 1, iscrowd: 0, area, bbox, segmentation, score, ...more };
  });
  const file = {
    info: { description: "masks by SAM, webgpu-vision" },
    images: [{ id: 1, file_name: name, width, height }],
    categories: [{ id: 1, name: "object" }],
    annotations,
  };
  return new Blob([JSON.stringify(file)], { type: "application/json" });
}

/** The encoding of a mask that covers the whole picture. */
export function rleOf({ width, height, data }: Region): Rle {
  return encodeRle({ width, height, data });
}

/** Gives a file to the visitor, as a download. */
export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** "dog" of "dog.jpg". */
export function stemOf(name: string): string {
  return name.replace(/\.[^.]+$/, "");
}

/** One pixel to one where the sizes are the same; else edges become smooth. */
function drawShape(context: OffscreenCanvasRenderingContext2D, picture: Picture, region: Region): void {
  const scale = picture.full.width / picture.width;
  const tall = picture.full.height / picture.height;
  context.imageSmoothingQuality = "high";
  context.drawImage(shapeOf(region), region.x * scale, region.y * tall, region.width * scale, region.height * tall);
}
