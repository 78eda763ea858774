// Masks over their photo: everything mode as coloured glass, and one mask with the prompts that asked for it.
import chroma from "chroma-js";
import type { RgbaImage } from "../../io/image/image.ts";
import { maskPolygons, rlePolygons } from "../../masks/polygons.ts";
import { type Mask, maskArea, maskBox, type Rle } from "../../masks/rle.ts";
import { overlay, type Size, svg } from "./drawing.ts";

/** What asked for a mask, in pixels of the photo. */
export interface DrawnPrompts {
  readonly points?: readonly { readonly x: number; readonly y: number; readonly label: 0 | 1 }[];
  readonly box?: readonly [x0: number, y0: number, x1: number, y1: number];
}

/** Letters of SVG that are drawn at once: ragged masks of large photos come to hundreds of megabytes together. */
const MOST_LETTERS = 1 << 20;
/** Pixels that are drawn on at once. */
const STRIP_PIXELS = 4 << 20;

/** SVG, and the rows that it is seen in. */
interface Shape {
  readonly text: string;
  readonly top: number;
  readonly bottom: number;
}

export interface DrawMasksOptions {
  /** A mask has the colour of its place in the list, so that a video's objects keep theirs; else of that by area. */
  readonly areInOrder?: boolean;
  readonly stripPixels?: number;
}

/**
 * Draws all masks over the photo's own pixels, the smaller ones on top, each in a colour of its own. One mask is
 * decoded and one strip of the photo drawn at a time: that takes little more than the photo, however many they are.
 */
export async function drawMasks(photo: RgbaImage, masks: readonly Rle[], options: DrawMasksOptions = {}) {
  const { areInOrder = false, stripPixels = STRIP_PIXELS } = options;
  const line = lineWidth(photo);
  const order = masks.map((mask, place) => ({ mask, place, area: maskArea(mask) })).sort((a, b) => b.area - a.area);
  let shapes: Shape[] = [{ text: shade(photo, 0.25), top: 0, bottom: photo.height }];
  let letters = 0;
  for (const [i, { mask, place }] of order.entries()) {
    const hue = ((areInOrder ? place : i) * GOLDEN_ANGLE) % 360;
    const [fill, edge] = [chroma.oklch(0.7, 0.19, hue).hex(), chroma.oklch(0.9, 0.1, hue).hex()];
    const style = `fill="${fill}" fill-opacity="0.5" stroke="${edge}" stroke-width="${line}" stroke-linejoin="round"`;
    const text = `<path d="${smoothPath(rlePolygons(mask))}" fill-rule="evenodd" ${style}/>`;
    const [, y0, , y1] = maskBox(mask);
    shapes.push({ text, top: y0 - line, bottom: y1 + 1 + line });
    letters += text.length;
    if (letters < MOST_LETTERS) continue;
    await drawOn(photo, shapes, stripPixels);
    shapes = [];
    letters = 0;
  }
  await drawOn(photo, shapes, stripPixels);
}

async function drawOn(
  { width, height, data }: RgbaImage,
  shapes: readonly Shape[],
  stripPixels: number,
): Promise<void> {
  const rows = Math.max(1, Math.floor(stripPixels / width));
  for (let top = 0; top < height; top += rows) {
    const size = { width, height: Math.min(rows, height - top) };
    const seen = shapes.filter((shape) => shape.top < top + rows && shape.bottom > top);
    if (seen.length === 0) continue;
    const strip = data.subarray(top * width * 4, (top + size.height) * width * 4);
    const moved = `<g transform="translate(0 ${-top})">${seen.map(({ text }) => text).join("")}</g>`;
    const drawn = await overlay({ ...size, data: strip }, svg(size, moved));
    strip.set(drawn.data);
  }
}

/** The photo dark but for the mask, whose outline is drawn, and the prompts. */
export async function drawMask(photo: RgbaImage, mask: Mask, prompts: DrawnPrompts = {}): Promise<RgbaImage> {
  const line = lineWidth(photo);
  const path = smoothPath(maskPolygons(mask));
  const { width, height } = photo;
  const fill = (d: string, colour: string, opacity: number) =>
    `<path d="${d}" fill="${colour}" fill-opacity="${opacity}" fill-rule="evenodd"/>`;
  const outside = fill(`M0 0H${width}V${height}H0Z${path}`, "#0b0d12", 0.62);
  const inside = fill(path, INSIDE, 0.22);
  const stroke = (colour: string, size: number) =>
    `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${size}" stroke-linejoin="round"/>`;
  const outline = stroke("#0b0d12", line * 2.2) + stroke(INSIDE, line * 1.2);
  return overlay(photo, svg(photo, outside + inside + outline + drawnPrompts(prompts, line)));
}

const INSIDE = "#5ec8ff";
const FOREGROUND = "#37d67a";
const BACKGROUND = "#ff5a5f";

// Hues that follow each other in steps of this angle never come close.
const GOLDEN_ANGLE = 137.508;

function drawnPrompts({ points = [], box }: DrawnPrompts, line: number): string {
  const dots = points.map(({ x, y, label }) => {
    const colour = label === 1 ? FOREGROUND : BACKGROUND;
    const edge = `stroke="#fff" stroke-width="${line * 1.2}"`;
    return `<circle cx="${x}" cy="${y}" r="${line * 3.5}" fill="${colour}" ${edge}/>`;
  });
  if (!box) return dots.join("");
  const [x0, y0, x1, y1] = box;
  const dashes = `fill="none" stroke-dasharray="${line * 5} ${line * 3}" stroke="#fff" stroke-width="${line * 1.2}"`;
  return `<rect x="${x0}" y="${y0}" width="${x1 - x0}" height="${y1 - y0}" ${dashes}/>${dots.join("")}`;
}

function shade({ width, height }: Size, opacity: number): string {
  return `<rect width="${width}" height="${height}" fill="#0b0d12" fill-opacity="${opacity}"/>`;
}

function lineWidth({ width, height }: Size): number {
  return Math.max(1.2, Math.min(width, height) / 320);
}

/** The outlines of a mask as a path. Steps of pixels become slopes: corners are rounded within the pixel. */
function smoothPath(rings: readonly number[][]): string {
  return rings.map(smoothRing).join("");
}

function smoothRing(ring: readonly number[]): string {
  const count = ring.length / 2;
  const corner = (i: number) => [ring[(i % count) * 2] as number, ring[(i % count) * 2 + 1] as number] as const;
  const pieces = Array.from({ length: count }, (_, i) => {
    const [from, at, to] = [corner(i + count - 1), corner(i), corner(i + 1)];
    const [start, end] = [beside(at, from), beside(at, to)];
    return `${i === 0 ? "M" : "L"}${start.join(" ")}Q${at.join(" ")} ${end.join(" ")}`;
  });
  return `${pieces.join("")}Z`;
}

/** A point on the edge to the next corner: its middle, or a few pixels along a longer one. */
function beside([x, y]: readonly [number, number], [toX, toY]: readonly [number, number]): [number, number] {
  const reach = Math.min(MOST_ROUNDED / Math.hypot(toX - x, toY - y), 0.5);
  return [x + (toX - x) * reach, y + (toY - y) * reach];
}

const MOST_ROUNDED = 3;
