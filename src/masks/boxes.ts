// Boxes around masks: their edges against those of a crop, and non-maximum suppression as torchvision computes it.
import type { Box } from "./rle.ts";

/** Pixels within which a box counts as touching an edge. */
const EDGE_TOLERANCE = 20;

/** [x, y, width, height] of a box's corners, without a pixel added: a mask's last column is its x + width. */
export function xywhOf([x0, y0, x1, y1]: Box): [x: number, y: number, width: number, height: number] {
  return [x0, y0, x1 - x0, y1 - y0];
}

/** Whether a box, in the whole image, comes near an edge of its crop that is no edge of the image: the crop cut it. */
export function isNearCropEdge(box: Box, crop: Box, image: Box): boolean {
  const isNear = (edge: number, other: number) => Math.abs(edge - other) <= EDGE_TOLERANCE;
  return box.some((edge, i) => isNear(edge, crop[i] as number) && !isNear(edge, image[i] as number));
}

/**
 * Indices of the boxes that stay when each, from the highest score down, removes all whose intersection with it over
 * their union is more than `threshold`. Equal scores keep their order; sums are in f32 (torchvision.ops.nms).
 */
export function boxNms(boxes: readonly Box[], scores: readonly number[], threshold: number): number[] {
  const areas = boxes.map(([x0, y0, x1, y1]) => Math.fround((x1 - x0) * (y1 - y0)));
  const order = boxes.map((_, i) => i).sort((a, b) => (scores[b] as number) - (scores[a] as number));
  const kept: number[] = [];
  const isRemoved = new Uint8Array(boxes.length);
  for (const [place, i] of order.entries()) {
    if (isRemoved[i]) continue;
    kept.push(i);
    for (const j of order.slice(place + 1)) {
      const shared = intersection(boxes[i] as Box, boxes[j] as Box);
      const union = Math.fround(Math.fround((areas[i] as number) + (areas[j] as number)) - shared);
      // Two boxes without area give NaN, which is not greater than any threshold: both stay.
      if (Math.fround(shared / union) > threshold) isRemoved[j] = 1;
    }
  }
  return kept;
}

function intersection(a: Box, b: Box): number {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  return Math.fround(width * height);
}
