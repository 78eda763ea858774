// One number a patch, as layers for a photo: a heat map, the outline of a mask, and patches as colours.
import chroma from "chroma-js";
import { loadSharp } from "../../io/image/decode.ts";
import type { RgbaImage } from "../../io/image/image.ts";
import type { Size } from "./drawing.ts";

/** Numbers of a grid, row by row. */
export interface NumberMap extends Size {
  readonly data: ArrayLike<number>;
}

const LEVELS = 256;
const MOST = 65535;

// Knots of matplotlib's inferno: its lightness rises evenly, so that it reads in grey and to the colour-blind too.
const INFERNO = ["#000004", "#420a68", "#932667", "#dd513a", "#fca50a", "#fcffa4"];

// The photo shows through where there is little heat, darkened so that it does not pass for heat.
const COLD_ALPHA = 120;
const HOT_ALPHA = 215;

/** The map at this size, smooth, from dark (its least number) to yellow (its greatest). */
export async function heat(map: NumberMap, size: Size): Promise<RgbaImage> {
  const field = await smoothField(map, size);
  const ramp = chroma.scale(INFERNO).mode("oklab").colors(LEVELS, null);
  const colours = Uint8Array.from(
    ramp.flatMap((colour, i) => [...colour.rgb(), COLD_ALPHA + ((HOT_ALPHA - COLD_ALPHA) * i) / (LEVELS - 1)]),
  );
  const data = new Uint8Array(field.length * 4);
  field.forEach((value, i) => {
    const level = Math.floor((value * LEVELS) / (MOST + 1)) * 4;
    data.set(colours.subarray(level, level + 4), i * 4);
  });
  return { ...size, data };
}

export interface OutlineOptions {
  /** Of the line; it has a dark edge, so that it is seen on any photo. */
  readonly colour?: string;
  /** In pixels; by the size of the picture when absent. */
  readonly thickness?: number;
}

const EDGE = [0, 0, 0] as const;

/** The border of what is not 0 in a mask, as a thin line at this size. */
export async function outline(mask: NumberMap, size: Size, options: OutlineOptions = {}): Promise<RgbaImage> {
  const { colour = "#ffffff", thickness = Math.max(2, Math.min(size.width, size.height) / 160) } = options;
  const isKept = Uint8Array.from(mask.data, (value) => (value === 0 ? 0 : 1));
  const data = new Uint8Array(size.width * size.height * 4);
  if (isKept.every((value) => value === isKept[0])) return { ...size, data };
  const field = await smoothField({ ...mask, data: isKept }, size);
  const line = chroma(colour).rgb();
  const [half, halfWithEdge] = [thickness / 2, thickness];
  for (let i = 0; i < field.length; i++) {
    const distance = distanceToBorder(field, i, size);
    const edge = coverage(halfWithEdge, distance);
    if (edge === 0) continue;
    const share = coverage(half, distance);
    for (let c = 0; c < 3; c++) {
      data[i * 4 + c] = share * (line[c] as number) + (1 - share) * (EDGE[c] as number);
    }
    data[i * 4 + 3] = 255 * Math.max(share, 0.6 * edge);
  }
  return { ...size, data };
}

/** How much of a pixel at this distance from the middle of a line its half width covers. */
function coverage(half: number, distance: number): number {
  return Math.min(1, Math.max(0, half + 0.5 - distance));
}

/** Pixels to where the field crosses one half, by its slope here. */
function distanceToBorder(field: Uint16Array, i: number, { width, height }: Size): number {
  const [x, y] = [i % width, Math.floor(i / width)];
  const at = (x: number, y: number) => field[Math.min(height - 1, Math.max(0, y)) * width + x] as number;
  const dx = (at(Math.min(width - 1, x + 1), y) - at(Math.max(0, x - 1), y)) / 2;
  const dy = (at(x, y + 1) - at(x, y - 1)) / 2;
  return Math.abs((field[i] as number) - MOST / 2) / Math.max(1e-9, Math.hypot(dx, dy));
}

/** RGB of each patch as a picture of one pixel a patch. */
export function patchColours({ width, height, rgb }: Size & { readonly rgb: ArrayLike<number> }): RgbaImage {
  const data = new Uint8Array(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) data[i * 4 + c] = rgb[i * 3 + c] as number;
  }
  return { width, height, data };
}

/** The map's numbers, least to greatest as 0 to 65535, interpolated: 8 bits would show steps in large photos. */
async function smoothField({ width, height, data }: NumberMap, size: Size): Promise<Uint16Array> {
  const numbers = Float64Array.from(data);
  const least = numbers.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const span = numbers.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY) - least || 1;
  const levels = Uint16Array.from(numbers, (value) => Math.round(((value - least) / span) * MOST));
  const sharp = await loadSharp();
  const grown = await sharp(levels, { raw: { width, height, channels: 1 } })
    .toColourspace("grey16")
    .resize(size.width, size.height, { fit: "fill", kernel: "cubic" })
    .blur(1.2)
    .raw({ depth: "ushort" })
    .toBuffer();
  return new Uint16Array(grown.buffer, grown.byteOffset, grown.length / 2);
}
