// The masks of everything mode, made ready to be drawn and pointed at; in pieces, so that the page stays awake.
import type { MaskRecord, Rle } from "../engine.ts";
import { nextFrame } from "../shell/dom.ts";
import { areaOf, cropOf, eachRun, outlineOf, type Region } from "./region.ts";
import type { Colours } from "./stage.ts";

export interface Segment {
  readonly record: MaskRecord<Rle>;
  readonly region: Region;
  readonly path: string;
  readonly colour: string;
}

export interface Segments {
  /** Largest first. */
  readonly list: readonly Segment[];
  readonly colours: Colours;
  /** The smallest mask at a place: its index in `list`. */
  at(x: number, y: number): number | undefined;
}

/** Gels of a lamp, in an order in which neighbours differ. */
const GELS = [
  "#efb04c",
  "#3fb9c6",
  "#ff5f7e",
  "#74c365",
  "#b58cf0",
  "#f4e361",
  "#5a93f2",
  "#ff8650",
  "#3fd0a4",
  "#e07fd0",
  "#a8d94a",
  "#8fb4d9",
];

const ALPHA = 0x9e;
/** Milliseconds of work before the page gets its turn. */
const SLICE = 12;

/** Colours, outlines and an index of places. */
export async function prepareSegments(
  records: readonly MaskRecord<Rle>[],
  width: number,
  height: number,
): Promise<Segments> {
  const sorted = [...records].sort((a, b) => b.area - a.area);
  const owner = new Int32Array(width * height).fill(-1);
  const layer = new OffscreenCanvas(width, height);
  const context = layer.getContext("2d") as OffscreenCanvasRenderingContext2D;
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const list: Segment[] = [];
  let last = performance.now();
  for (const [i, record] of sorted.entries()) {
    const colour = GELS[i % GELS.length] as string;
    const word = pixelOf(colour);
    eachRun(record.segmentation, (x, y0, y1) => {
      for (let y = y0, at = y0 * width + x; y < y1; y++, at += width) {
        owner[at] = i;
        pixels[at] = word;
      }
    });
    const [x, y, w, h] = record.bbox; // from the first to the last pixel inside
    const region = cropOf(record.segmentation, [x, y, x + w + 1, y + h + 1]);
    list.push({ record, region, path: outlineOf(region), colour });
    if (performance.now() - last > SLICE) {
      await nextFrame();
      last = performance.now();
    }
  }
  context.putImageData(image, 0, 0);
  const outlines = list.map(({ path, colour }) => ({ path, colour }));
  return {
    list,
    colours: { layer, outlines },
    at: (x, y) => {
      const index = owner[y * width + x] ?? -1;
      return index < 0 ? undefined : index;
    },
  };
}

/** "3.4 %" of the picture. */
export function shareOf(region: Region, width: number, height: number): string {
  const share = (100 * areaOf(region)) / (width * height);
  return `${share.toFixed(share < 10 ? 1 : 0)} %`;
}

function pixelOf(colour: string): number {
  const rgb = Number.parseInt(colour.slice(1), 16);
  return ((ALPHA << 24) | ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0;
}
