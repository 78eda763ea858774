// Pictures made of pictures, by sharp: resized, laid over each other, and put on a page with captions.
import { loadSharp } from "../../io/image/decode.ts";
import type { RgbaImage } from "../../io/image/image.ts";
import { writePng } from "../../io/image/picture.ts";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What lies over a picture: pixels with alpha or a drawing in SVG, of the picture's size. */
export type Layer = RgbaImage | string;

/** A picture on a page, and the words under it. */
export interface Panel {
  readonly picture: RgbaImage;
  readonly caption: string;
}

/** Smooth for photographs and fields, blocks for what has one value a patch. */
export type Filter = "smooth" | "blocks";

export async function resized(picture: RgbaImage, { width, height }: Size, filter: Filter = "smooth") {
  if (picture.width === width && picture.height === height) return picture;
  const kernel = filter === "blocks" ? "nearest" : "lanczos3";
  return rgba((await open(picture)).resize(width, height, { fit: "fill", kernel }));
}

/** The picture with layers over it, the last one on top. */
export async function overlay(picture: RgbaImage, ...layers: readonly Layer[]): Promise<RgbaImage> {
  const inputs = layers.map((layer) => ({ ...inputOf(layer), left: 0, top: 0 }));
  return rgba((await open(picture)).composite(inputs));
}

/** The pixels as a PNG. */
export function png(picture: RgbaImage): Promise<Uint8Array> {
  return writePng(undefined, picture);
}

/** A picture and the place of its upper left corner. */
export interface Placed {
  readonly picture: RgbaImage;
  readonly left: number;
  readonly top: number;
}

/** Distance between pictures on a page. */
export const GAP = 14;
const BACKGROUND = "#15161a";
const INK = "#d8dae0";
const LETTERS = 15;
const CAPTION = LETTERS + GAP;

/** Pictures in their places on a dark page. */
export async function arrange(size: Size, pictures: readonly Placed[]): Promise<RgbaImage> {
  const sharp = await loadSharp();
  const blank = sharp({ create: { ...size, channels: 4, background: BACKGROUND } });
  return rgba(blank.composite(pictures.map(({ picture, left, top }) => ({ ...inputOf(picture), left, top }))));
}

/** Rows of panels with their captions, each panel brought to this height. */
export async function page(rows: readonly (readonly Panel[])[], height: number): Promise<RgbaImage> {
  const pictures: Placed[] = [];
  const captions: string[] = [];
  let [pageWidth, top] = [0, GAP];
  for (const row of rows) {
    let left = GAP;
    for (const { picture, caption } of row) {
      const width = widthAt(picture, height);
      pictures.push({ picture: await resized(picture, { width, height }), left, top });
      captions.push(captionAt(caption, left, top + height + LETTERS + 2, width));
      left += width + GAP;
    }
    pageWidth = Math.max(pageWidth, left);
    top += height + CAPTION;
  }
  const size = { width: pageWidth, height: top };
  return overlay(await arrange(size, pictures), svg(size, captions.join("")));
}

/** Width of a picture of this height. */
export function widthAt(picture: Size, height: number): number {
  return Math.max(1, Math.round((picture.width * height) / picture.height));
}

/** A drawing of this size. */
export function svg({ width, height }: Size, content: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${content}</svg>`;
}

/** One line of text, cut where a letter of usual width would leave the panel. */
function captionAt(text: string, x: number, y: number, width: number): string {
  const most = Math.max(1, Math.floor(width / (LETTERS * 0.55)));
  const shown = text.length > most ? `${text.slice(0, most - 1)}…` : text;
  const escaped = shown.replace(/[\p{Cc}\ufffe\uffff]/gu, " ").replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return `<text x="${x}" y="${y}" font-family="sans-serif" font-size="${LETTERS}" fill="${INK}">${escaped}</text>`;
}

async function open({ width, height, data }: RgbaImage) {
  return (await loadSharp())(data, { raw: { width, height, channels: 4 } });
}

function inputOf(layer: Layer) {
  if (typeof layer === "string") return { input: Buffer.from(layer) };
  const { width, height, data } = layer;
  return {
    input: Buffer.from(data.buffer, data.byteOffset, data.length),
    raw: { width, height, channels: 4 as const },
  };
}

async function rgba(picture: ReturnType<Awaited<ReturnType<typeof loadSharp>>>): Promise<RgbaImage> {
  const { data, info } = await picture.ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
}
