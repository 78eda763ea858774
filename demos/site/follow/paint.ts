// Things drawn: over a frame as colours with outlines, as masks, and cut out of it.
import { outlineOf, type Region, shapeOf } from "../cut/region.ts";
import type { Colours } from "../cut/stage.ts";
import { decodeRle } from "../engine.ts";
import { type Found, isThere, type Thing } from "./things.ts";

const ALPHA = 0x70;

function regionOf({ rle }: Found): Region {
  const { width, height, data } = decodeRle(rle);
  return { x: 0, y: 0, width, height, data };
}

/** Of all things that are in a frame: a layer of colours, and their outlines. */
export function coloursOf(things: readonly Thing[], frame: number, width: number, height: number): Colours {
  const layer = new OffscreenCanvas(width, height);
  const context = layer.getContext("2d") as OffscreenCanvasRenderingContext2D;
  const outlines: { path: string; colour: string }[] = [];
  for (const { found, colour } of things) {
    const here = found.get(frame);
    if (!here || !isThere(here)) continue;
    const region = regionOf(here);
    context.drawImage(shapeOf(region, word(colour)), 0, 0);
    outlines.push({ path: outlineOf(region), colour });
  }
  return { layer, outlines };
}

/** "#rrggbb" as 0xAABBGGRR. */
function word(colour: string): number {
  const rgb = Number.parseInt(colour.slice(1), 16);
  return ((ALPHA << 24) | ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0;
}

/** White inside and black outside, as a PNG. */
export async function maskPng(found: Found): Promise<Uint8Array<ArrayBuffer>> {
  const region = regionOf(found);
  const canvas = new OffscreenCanvas(region.width, region.height);
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  context.fillRect(0, 0, region.width, region.height);
  context.drawImage(shapeOf(region), 0, 0);
  return new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
}

/** What is left of a picture where things are, on a ground of one colour. */
export function drawCutOut(
  context: CanvasRenderingContext2D,
  picture: ImageBitmap,
  things: readonly Thing[],
  frame: number,
  ground: string,
): void {
  const { width, height } = picture;
  const cut = new OffscreenCanvas(width, height);
  const pen = cut.getContext("2d") as OffscreenCanvasRenderingContext2D;
  for (const { found } of things) {
    const here = found.get(frame);
    if (here && isThere(here)) pen.drawImage(shapeOf(regionOf(here)), 0, 0);
  }
  pen.globalCompositeOperation = "source-in";
  pen.drawImage(picture, 0, 0);
  context.fillStyle = ground;
  context.fillRect(0, 0, width, height);
  context.drawImage(cut, 0, 0, context.canvas.width, context.canvas.height);
}
