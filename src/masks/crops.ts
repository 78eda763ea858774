// Where everything mode looks: crops of the picture, layer by layer, and the grid of points in each
// (facebookresearch/segment-anything: segment_anything/utils/amg.py).
import { ArgumentError } from "../device/errors.ts";
import type { Box } from "./rle.ts";

/** Points within [0, 1] x [0, 1], to be scaled to a crop. */
export type PointGrid = readonly (readonly [x: number, y: number])[];

/** A crop [x0, x1) x [y0, y1) and its layer: 0 is the whole picture, layer i has 2^i x 2^i crops. */
export interface Crop {
  readonly box: Box;
  readonly layer: number;
}

/** Centres of perSide x perSide equal cells, row by row. */
export function pointGrid(perSide: number): PointGrid {
  // As numpy.linspace computes it, to the last bit: a point may lie on a border between pixels.
  const first = 1 / (2 * perSide);
  const last = 1 - first;
  const step = (last - first) / (perSide - 1);
  const side = Array.from({ length: perSide }, (_, i) => {
    if (perSide === 1) return first;
    return i === perSide - 1 ? last : i * step + first;
  });
  return side.flatMap((y) => side.map((x) => [x, y] as const));
}

/** The grids of layers 0 to `layers`; each has 1/downscale as many points a side as the one before. */
export function layerPointGrids(perSide: number, layers: number, downscale: number): PointGrid[] {
  return Array.from({ length: layers + 1 }, (_, layer) => {
    const points = Math.trunc(perSide / downscale ** layer);
    if (points >= 1) return pointGrid(points);
    throw new ArgumentError(
      `layer ${layer} of crops has no points: pointsPerSide ${perSide} / cropNPointsDownscaleFactor ${downscale}^` +
        `${layer} is less than 1. Take fewer layers, more points or a smaller factor`,
    );
  });
}

/**
 * The picture and its crops, columns of crops from the left. In layer 1 crops share `overlapRatio` of the picture's
 * short side, in layer i 1/2^(i - 1) of that.
 *
 * @throws ArgumentError when the picture is too small for so many layers.
 */
export function cropBoxes([height, width]: readonly [number, number], layers: number, overlapRatio: number): Crop[] {
  const crops: Crop[] = [{ box: [0, 0, width, height], layer: 0 }];
  for (let layer = 1; layer <= layers; layer++) {
    const perSide = 2 ** layer;
    const overlap = Math.trunc(overlapRatio * Math.min(height, width) * (2 / perSide));
    const cropLength = (length: number) => Math.ceil((overlap * (perSide - 1) + length) / perSide);
    const [w, h] = [cropLength(width), cropLength(height)];
    for (let i = 0; i < perSide; i++) {
      for (let j = 0; j < perSide; j++) {
        const [x0, y0] = [(w - overlap) * i, (h - overlap) * j];
        const box: Box = [x0, y0, Math.min(x0 + w, width), Math.min(y0 + h, height)];
        if (box[2] <= x0 || box[3] <= y0) throw tooSmall(width, height, layers);
        crops.push({ box, layer });
      }
    }
  }
  return crops;
}

function tooSmall(width: number, height: number, layers: number): ArgumentError {
  return new ArgumentError(
    `a picture of ${width} x ${height} cannot be cut into ${layers} layers of crops: take fewer`,
  );
}
