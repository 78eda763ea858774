// Matched points of two photos: the photos beside each other, and a line from each point to its match.
import chroma from "chroma-js";
import { type Point, pictureToDrawing, transformPoint } from "../../geometry/affine.ts";
import type { RgbaImage } from "../../io/image/image.ts";
import { arrange, GAP, overlay, resized, svg, widthAt } from "./drawing.ts";

/** A point of each photo, in pixels of that photo. */
export interface PointPair {
  readonly a: Point;
  readonly b: Point;
}

const HEIGHT = 560;

/** Colours follow the place in a, so that lines of one region go together. */
export async function drawMatches(a: RgbaImage, b: RgbaImage, pairs: readonly PointPair[]): Promise<RgbaImage> {
  const [left, right] = await Promise.all(
    [a, b].map((photo) => resized(photo, { width: widthAt(photo, HEIGHT), height: HEIGHT })),
  );
  if (!left || !right) throw new TypeError("two photos");
  const shift = left.width + GAP;
  const size = { width: shift + right.width, height: HEIGHT };
  const aToDrawing = pictureToDrawing(a, left, [0, 0]);
  const bToDrawing = pictureToDrawing(b, right, [shift, 0]);
  const lines: string[] = [];
  const dots: string[] = [];
  for (const pair of pairs) {
    const [x1, y1] = transformPoint(aToDrawing, pair.a);
    const [x2, y2] = transformPoint(bToDrawing, pair.b);
    const colour = colourOf(x1 / left.width, y1 / HEIGHT);
    const ends = `x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"`;
    lines.push(stroke(ends, "#000", 3, 0.5), stroke(ends, colour, 1.4, 1));
    dots.push(dot(x1, y1, colour), dot(x2, y2, colour));
  }
  const photos = await arrange(size, [
    { picture: left, left: 0, top: 0 },
    { picture: right, left: shift, top: 0 },
  ]);
  return overlay(photos, svg(size, [...lines, ...dots].join("")));
}

/** The hue by the angle around the middle. */
function colourOf(x: number, y: number): string {
  const degrees = (Math.atan2(y - 0.5, x - 0.5) * 180) / Math.PI;
  return chroma.oklch(0.8, 0.16, (degrees + 360) % 360).hex();
}

function stroke(ends: string, colour: string, width: number, opacity: number): string {
  return `<line ${ends} stroke="${colour}" stroke-width="${width}" stroke-opacity="${opacity}"/>`;
}

function dot(x: number, y: number, colour: string): string {
  return `<circle cx="${x}" cy="${y}" r="4.5" fill="${colour}" stroke="#000" stroke-width="1.2"/>`;
}
