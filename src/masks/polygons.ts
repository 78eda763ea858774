// Outlines of a mask as polygons, exact to the pixel: rings along the edges between pixels.
import { decodeWithin, type Mask, maskBox, type Rle } from "./rle.ts";

/** Directions along an edge: right, down, left, up. */
const STEPS = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
] as const;

/**
 * For each direction, the offset from a corner to the pixel ahead on the left. The pixel ahead on the right is that of
 * the next direction.
 */
const AHEAD_LEFT = [
  [0, -1],
  [0, 0],
  [-1, 0],
  [-1, -1],
] as const;

type Direction = 0 | 1 | 2 | 3;

/**
 * The rings around the regions of a mask and around their holes, as lists [x, y, x, y, ...] like those of COCO's
 * `segmentation`. Points are corners of pixels, from (0, 0) to (width, height), only where the ring turns. The mask
 * lies on the right of a ring that is walked: rings around regions are clockwise on the screen, around holes
 * counter-clockwise, so both fill rules (even-odd, nonzero) give back the mask. Diagonal neighbours are one region.
 * COCO's own tools unite the rings of a list, which fills holes: use an RLE where that matters.
 *
 * @example
 * for (const ring of maskPolygons(mask)) path += `M${ring.join(" ")}Z`;    // an SVG path
 */
export function maskPolygons(mask: Mask): number[][] {
  const { width, height, data } = mask;
  const isDone = new Uint8Array(width * height); // the upper edge of this pixel belongs to a ring
  const rings: number[][] = [];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const isUpperEdge = data[i] && (y === 0 || !data[i - width]);
      if (isUpperEdge && !isDone[i]) rings.push(ringFrom(x, y, mask, isDone));
    }
  }
  return rings;
}

/** The same of an encoded mask, of which no more than its box is decoded. */
export function rlePolygons(rle: Rle): number[][] {
  const [x0, y0, x1, y1] = maskBox(rle);
  const rings = maskPolygons(decodeWithin(rle, [x0, y0, x1 + 1, y1 + 1]));
  return rings.map((ring) => ring.map((part, i) => part + (i % 2 ? y0 : x0)));
}

/**
 * The rings of `maskPolygons` that are not around holes nor within others, for tools that know no holes. They cover the
 * mask with its holes filled.
 */
export function outerRings(rings: readonly number[][]): number[][] {
  const regions = rings.filter((ring) => signedArea(ring) > 0);
  const boxes = regions.map((ring) => ringsBox([ring]));
  return regions.filter((ring, i) => {
    const [x = 0, y = 0] = ring;
    // Boxes first: a noisy mask has thousands of rings, most of them far from each other.
    const isAround = ([left, top, width, height]: (typeof boxes)[number], j: number) =>
      j !== i && x >= left && x < left + width && y >= top && y < top + height && isWithin(x, y, regions[j] ?? []);
    return !boxes.some(isAround);
  });
}

/** The box around rings; all zeros where there is none. */
export function ringsBox(rings: readonly number[][]): [x: number, y: number, width: number, height: number] {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of rings) {
    for (let i = 0; i < ring.length; i += 2) {
      const [x, y] = [ring[i] as number, ring[i + 1] as number];
      [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
    }
  }
  return x1 < x0 ? [0, 0, 0, 0] : [x0, y0, x1 - x0, y1 - y0];
}

/** Positive for rings that are clockwise on the screen. */
export function signedArea(ring: readonly number[]): number {
  let twice = 0;
  for (let i = 0; i < ring.length; i += 2) {
    const next = (i + 2) % ring.length;
    twice += (ring[i] as number) * (ring[next + 1] as number) - (ring[next] as number) * (ring[i + 1] as number);
  }
  return twice / 2;
}

/** Whether the pixel at (x, y) lies within a ring: left of it are an odd number of upright edges. */
function isWithin(x: number, y: number, ring: readonly number[]): boolean {
  let isInside = false;
  for (let i = 0; i < ring.length; i += 2) {
    const next = (i + 2) % ring.length;
    const [edgeX, y0, y1] = [ring[i] as number, ring[i + 1] as number, ring[next + 1] as number];
    if (edgeX <= x && Math.min(y0, y1) <= y && y < Math.max(y0, y1)) isInside = !isInside;
  }
  return isInside;
}

/** Follows the edge from the upper left corner of pixel (startX, startY) until it is back. */
function ringFrom(startX: number, startY: number, { width, height, data }: Mask, isDone: Uint8Array): number[] {
  const isInside = (corner: readonly [number, number], ahead: Direction) => {
    const [x, y] = [corner[0] + AHEAD_LEFT[ahead][0], corner[1] + AHEAD_LEFT[ahead][1]];
    return x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] === 1;
  };
  const ring: number[] = [];
  let [x, y] = [startX, startY];
  let direction: Direction = 0;
  do {
    ring.push(x, y);
    let next: Direction = direction;
    do {
      if (direction === 0) isDone[y * width + x] = 1;
      x += STEPS[direction][0];
      y += STEPS[direction][1];
      const right = ((direction + 1) % 4) as Direction;
      if (isInside([x, y], direction)) next = ((direction + 3) % 4) as Direction;
      else if (!isInside([x, y], right)) next = right;
    } while (next === direction);
    direction = next;
  } while (x !== startX || y !== startY || direction !== 0);
  return ring;
}
