// SAM for commands: loaded with bars for what is downloaded; its masks as PNG, and their boxes.
import { Sam } from "../api/sam.ts";
import { loadSharp } from "../io/image/decode.ts";
import { columnRuns, type Mask, maskArea, maskBox, type Rle } from "../masks/rle.ts";
import { type Context, modelSource, openModel } from "./context.ts";

/** The checkpoint that ships, for commands that run SAM. */
export const SHIPPED_SAM = "tiny-sam";

export function openSam(context: Context): Promise<Sam> {
  const source = modelSource(context.options, SHIPPED_SAM);
  return openModel(context, (options) => Sam.fromPretrained(source, options), SHIPPED_SAM);
}

/** A grey PNG: white inside, black outside. */
export async function maskPng({ width, height, data }: Mask): Promise<Uint8Array> {
  return greyPng(
    data.map((pixel) => pixel * 255),
    width,
    height,
  );
}

/** The same of run lengths; `room` has a byte for each pixel, so that many masks take the memory of one. */
export async function rlePng(rle: Rle, room: Uint8Array): Promise<Uint8Array> {
  const [height, width] = rle.size;
  room.fill(0);
  for (const [start, end] of columnRuns(rle, 1)) {
    const x = Math.floor(start / height);
    for (let y = start - x * height; y < end - x * height; y++) room[y * width + x] = 255;
  }
  return greyPng(room, width, height);
}

async function greyPng(grey: Uint8Array, width: number, height: number): Promise<Uint8Array> {
  const sharp = await loadSharp();
  return sharp(grey, { raw: { width, height, channels: 1 } })
    .toColourspace("b-w")
    .png()
    .toBuffer();
}

/** Edges of what a mask covers, in pixels: x1 - x0 is its width. Zeros for an empty mask. */
export interface MaskEdges {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export function maskEdges(rle: Rle): MaskEdges {
  const [x0, y0, x1, y1] = maskBox(rle);
  const isEmpty = maskArea(rle) === 0;
  return { x0, y0, x1: isEmpty ? 0 : x1 + 1, y1: isEmpty ? 0 : y1 + 1 };
}

/** For tables. */
export function edgesText({ x0, y0, x1, y1 }: MaskEdges): string {
  return x1 === x0 ? "empty" : `${x0},${y0} – ${x1},${y1}`;
}
