// Prompts on the command line: points, boxes and a mask, in pixels of the picture.
import { InvalidArgumentError } from "commander";
import { loadSharp } from "../io/image/decode.ts";
import type { RgbaImage } from "../io/image/image.ts";
import { UsageError } from "./failure.ts";

export interface PointPrompt {
  readonly x: number;
  readonly y: number;
  /** 1 inside the object, 0 outside. */
  readonly label: 0 | 1;
}

export type BoxPrompt = readonly [x0: number, y0: number, x1: number, y1: number];

/** For --point, which may be given several times. */
export function collectPoint(text: string, before: readonly PointPrompt[] = []): PointPrompt[] {
  const [x, y, label = 1, ...more] = numbers(text);
  if (x === undefined || y === undefined || more.length > 0 || (label !== 0 && label !== 1)) {
    throw new InvalidArgumentError("Expected x,y as in 420,310, or x,y,0 for a point outside the object.");
  }
  return [...before, { x, y, label }];
}

/** For --box, which may be given several times. */
export function collectBox(text: string, before: readonly BoxPrompt[] = []): BoxPrompt[] {
  const [x0, y0, x1, y1, ...more] = numbers(text);
  if (x0 === undefined || y0 === undefined || x1 === undefined || y1 === undefined || more.length > 0) {
    throw new InvalidArgumentError("Expected the corners x0,y0,x1,y1, as in 75,275,1725,850.");
  }
  return [...before, checkBox([x0, y0, x1, y1])];
}

export function checkBox(box: BoxPrompt): BoxPrompt {
  const [x0, y0, x1, y1] = box;
  if (x1 <= x0 || y1 <= y0) throw new InvalidArgumentError("Expected x0 < x1 and y0 < y1: left, top, right, bottom.");
  return box;
}

/** For JSON. */
export function edgesOf([x0, y0, x1, y1]: BoxPrompt) {
  return { x0, y0, x1, y1 };
}

/** Numbers with commas between them; none where one of them is no number. */
export function numbers(text: string): number[] {
  const parts = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  return parts.every(Number.isFinite) ? parts : [];
}

/** Throws UsageError for prompts beyond the picture. */
export function checkInside(
  points: readonly PointPrompt[],
  boxes: readonly BoxPrompt[],
  { width, height }: Pick<RgbaImage, "width" | "height">,
): void {
  const beyond = (x: number, y: number) => x < 0 || y < 0 || x > width || y > height;
  const point = points.find(({ x, y }) => beyond(x, y));
  const box = boxes.find(([x0, y0, x1, y1]) => beyond(x0, y0) || beyond(x1, y1));
  const what = point ? `--point ${point.x},${point.y}` : `--box ${box?.join(",")}`;
  if (point || box) {
    throw new UsageError(`${what} lies outside the picture, which has ${width} x ${height} pixels`);
  }
}

/** Logits of what is surely inside or outside; the model's own masks seldom go beyond. */
const SURE = 10;

/**
 * A picture of a mask, white inside, as logits [side, side] such as the model takes: the longer edge fills the square,
 * and what is beyond the picture is outside.
 */
export async function maskLogits(mask: RgbaImage, photo: RgbaImage, side: number): Promise<Float32Array> {
  const { width, height } = photo;
  if (mask.width !== width || mask.height !== height) {
    throw new UsageError(`--mask has ${mask.width} x ${mask.height} pixels, the picture ${width} x ${height}`);
  }
  const scale = side / Math.max(width, height);
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const sharp = await loadSharp();
  const grey = await sharp(mask.data, { raw: { width, height, channels: 4 } })
    .flatten({ background: "#000" })
    .toColourspace("b-w")
    .resize(size.width, size.height, { fit: "fill", kernel: "linear" })
    .raw()
    .toBuffer();
  const logits = new Float32Array(side * side).fill(-SURE);
  for (const [i, value] of grey.entries()) {
    logits[Math.floor(i / size.width) * side + (i % size.width)] = ((value / 255) * 2 - 1) * SURE;
  }
  return logits;
}
