// Results as requests want them: numbers in JSON or base64, masks in three forms.
import { shortest } from "../io/numbers.ts";
import { toCocoRle } from "../masks/cocoRle.ts";
import { maskPolygons } from "../masks/polygons.ts";
import { decodeRle, type Rle } from "../masks/rle.ts";
import { maskPng } from "../pictures/maskPng.ts";
import { RequestError } from "./failures.ts";

/** How arrays of numbers are written. */
export type Encoding = "float" | "base64";

/** How masks are written. */
export type MaskFormat = "coco_rle" | "png" | "polygon";

/** Numbers as JSON, each the shortest that is the same in float32; or base64 of little-endian float32. */
export function encoded(numbers: Float32Array, encoding: Encoding): number[] | string {
  if (encoding === "base64")
    return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString("base64");
  return Array.from(numbers, shortest);
}

/** A mask in the form that was asked for. */
export async function segmentationOf(rle: Rle, format: MaskFormat) {
  if (format === "coco_rle") return toCocoRle(rle);
  const mask = decodeRle(rle);
  if (format === "polygon") return maskPolygons(mask);
  return Buffer.from(await maskPng(mask)).toString("base64");
}

/** Throws a RequestError for more of something than a request may have. */
export function checkCount(param: string, count: number, most: number): void {
  if (count <= most) return;
  throw new RequestError(413, `${param} has ${count}, expected ${most} at most: send several requests`, { param });
}
