// A mask as it is drawn: a rectangle of the picture with a byte for each pixel, its shape as pixels of a canvas, and
// its outline as a path.
import { maskPolygons, type Rle, type SamMask } from "../engine.ts";

/** Pixels [x, x + width) x [y, y + height) of a picture: 1 inside the mask, 0 outside. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** [height, width] */
  readonly data: Uint8Array;
}

/** The whole picture as a region. */
export function regionOf({ width, height, mask }: SamMask): Region {
  return { x: 0, y: 0, width, height, data: mask };
}

/** Calls with each run of pixels inside, cut at the ends of columns: rows [y0, y1) of column x. */
export function eachRun({ size: [height], counts }: Rle, call: (x: number, y0: number, y1: number) => void): void {
  let at = 0;
  for (const [i, count] of counts.entries()) {
    const end = at + count;
    while (i % 2 === 1 && at < end) {
      const x = Math.floor(at / height);
      const stop = Math.min(end, (x + 1) * height);
      call(x, at - x * height, stop - x * height);
      at = stop;
    }
    at = end;
  }
}

/** The part of a mask that its box [x0, x1) x [y0, y1) holds. */
export function cropOf(rle: Rle, [x0, y0, x1, y1]: readonly [number, number, number, number]): Region {
  const [width, height] = [x1 - x0, y1 - y0];
  const data = new Uint8Array(width * height);
  eachRun(rle, (x, top, bottom) => {
    for (let y = top; y < bottom; y++) data[(y - y0) * width + x - x0] = 1;
  });
  return { x: x0, y: y0, width, height, data };
}

/** A canvas that is opaque (in this colour, 0xAABBGGRR) inside the mask and clear outside. */
export function shapeOf({ width, height, data }: Region, colour = 0xffffffff): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < data.length; i++) if (data[i]) pixels[i] = colour;
  context.putImageData(image, 0, 0);
  return canvas;
}

/**
 * The outline as an SVG path in pixels of the picture. Corners of pixels are rounded off through the middles of their
 * edges, so that a slope is a slope and not a staircase.
 */
export function outlineOf(region: Region): string {
  const { x, y } = region;
  const round = (value: number) => Math.round(value * 4) / 4;
  let path = "";
  for (const ring of maskPolygons(region)) {
    const count = ring.length / 2;
    const at = (i: number): [number, number] => {
      const place = (i % count) * 2;
      return [(ring[place] as number) + x, (ring[place + 1] as number) + y];
    };
    const middle = (i: number) => {
      const [[ax, ay], [bx, by]] = [at(i), at(i + 1)];
      return `${round((ax + bx) / 2)} ${round((ay + by) / 2)}`;
    };
    path += `M${middle(0)}`;
    for (let i = 0; i < count; i++) path += `Q${at(i + 1).join(" ")} ${middle(i + 1)}`;
    path += "Z";
  }
  return path;
}

/** Pixels inside. */
export function areaOf({ data }: Region): number {
  let area = 0;
  for (let i = 0; i < data.length; i++) area += data[i] as number;
  return area;
}
