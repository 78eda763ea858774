// Masks as grey PNGs: white inside, black outside.
import { loadSharp } from "../io/image/decode.ts";
import { columnRuns, type Mask, type Rle } from "../masks/rle.ts";

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
