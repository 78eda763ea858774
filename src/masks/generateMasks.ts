// Everything mode: masks of all that a grid of points finds in a picture, as segment-anything's
// SamAutomaticMaskGenerator gives them (facebookresearch/segment-anything: automatic_mask_generator.py), in its order.
// The network stands behind CropPredictor.
import { cropToPicture, transformBox, transformPoint, unitSquareToCrop } from "../geometry/affine.ts";
import { boxNms, isNearCropEdge, xywhOf } from "./boxes.ts";
import { toCocoRle } from "./cocoRle.ts";
import { type Crop, cropBoxes, layerPointGrids } from "./crops.ts";
import type { Segmentations } from "./options.ts";
import { type GenerateMasksOptions, type MaskSettings, maskSettings, type OutputMode } from "./options.ts";
import { maskPolygons } from "./polygons.ts";
import { removeSmallRegions } from "./regions.ts";
import { type Box, decodeRle, encodeBits, type MaskBits, maskArea, maskBox, type Rle, uncropRle } from "./rle.ts";

/** What encodes crops of one picture; Sam makes one. */
export interface CropPredictor {
  /** Size of the picture. */
  readonly width: number;
  readonly height: number;
  /** Encodes the pixels of [x0, x1) x [y0, y1). */
  encodeCrop(box: Box, signal?: AbortSignal): Promise<CropScene>;
}

/** An encoded crop. */
export interface CropScene {
  /**
   * Prompts with each point alone (foreground, multimask) and gives the masks that pass the filter: those of the first
   * point first, those of a point in the model's order. One mask at a time is asked for, so that few are in memory.
   */
  predictPoints(points: readonly Point[], filter: CandidateFilter, signal?: AbortSignal): AsyncIterable<MaskCandidate>;
  /** Frees the embedding. */
  dispose(): void;
}

/** In pixels of the crop. */
export type Point = readonly [x: number, y: number];

/** What is decided in f32 on the GPU, before a mask leaves it. */
export interface CandidateFilter {
  /** Where above 0: keep masks whose predicted IoU is greater than this. */
  readonly predIouThresh: number;
  /** Where above 0: keep masks whose stability is at least this. */
  readonly stabilityScoreThresh: number;
  /** Stability is count(logit > threshold + offset) / count(logit > threshold - offset), at the crop's full size. */
  readonly stabilityScoreOffset: number;
}

export interface MaskCandidate {
  /** Index of its point. */
  readonly point: number;
  /** Logits above the model's threshold, at the crop's size. */
  readonly mask: MaskBits;
  readonly predictedIou: number;
  readonly stabilityScore: number;
}

/** A mask of everything mode. Coordinates are pixels of the picture. */
export interface MaskRecord<Segmentation = Segmentations[OutputMode]> {
  /** The mask in the form that `outputMode` asked for. */
  readonly segmentation: Segmentation;
  /** From the first to the last pixel inside: a mask one pixel wide has the width 0, as in segment-anything. */
  readonly bbox: readonly [x: number, y: number, width: number, height: number];
  /** Pixels inside. */
  readonly area: number;
  /** The mask's quality as the model predicts it. */
  readonly predictedIou: number;
  /** How little the mask changes with the cutoff, 0 to 1. */
  readonly stabilityScore: number;
  /** The point that gave this mask. */
  readonly pointCoords: readonly [Point];
  /** The crop in which it was found. */
  readonly cropBox: readonly [x: number, y: number, width: number, height: number];
}

/** A mask between filtering and output, in the whole picture. */
interface FoundMask {
  readonly rle: Rle;
  readonly box: Box;
  readonly predictedIou: number;
  readonly stabilityScore: number;
  readonly point: Point;
  readonly crop: Box;
}

/**
 * Finds masks: a grid of points in the picture and in each crop, then the filters in their order.
 *
 * @throws ArgumentError for options that do not fit; the signal's reason when it was aborted. Crops are disposed of.
 */
export async function generateMasks<Mode extends OutputMode = "binary">(
  predictor: CropPredictor,
  options: GenerateMasksOptions<Mode> = {},
): Promise<MaskRecord<Segmentations[Mode]>[]> {
  const settings = maskSettings(options);
  const crops = cropBoxes([predictor.height, predictor.width], settings.cropNLayers, settings.cropOverlapRatio);
  const plan = withPoints(crops, settings);
  const total = plan.reduce((sum, { points }) => sum + points.length, 0);
  let done = 0;
  const advance = (count: number) => options.onProgress?.({ done: (done += count), total });
  let masks: FoundMask[] = [];
  for (const { box, points } of plan) {
    options.signal?.throwIfAborted();
    const scene = await predictor.encodeCrop(box, options.signal);
    try {
      const inCrop = await masksOfCrop(
        scene,
        { box, points },
        { predictor, settings, advance, signal: options.signal },
      );
      masks.push(...inCrop);
    } finally {
      scene.dispose();
    }
  }
  if (crops.length > 1) masks = withoutDuplicates(masks, (mask) => 1 / areaOf(mask.crop), settings.cropNmsThresh);
  if (settings.minMaskRegionArea > 0) masks = withoutSmallRegions(masks, settings);
  return masks.map((mask) => recordOf(mask, settings.outputMode) as MaskRecord<Segmentations[Mode]>);
}

interface PointsInCrop {
  readonly box: Box;
  readonly points: readonly Point[];
}

/** The points of each crop, in its own pixels. */
function withPoints(crops: readonly Crop[], settings: MaskSettings): PointsInCrop[] {
  const { pointsPerSide, pointGrids, cropNLayers, cropNPointsDownscaleFactor } = settings;
  const grids = pointGrids ?? layerPointGrids(pointsPerSide, cropNLayers, cropNPointsDownscaleFactor);
  return crops.map(({ box, layer }) => {
    const toCrop = unitSquareToCrop(box);
    return { box, points: (grids[layer] ?? []).map((point) => transformPoint(toCrop, point)) };
  });
}

interface Work {
  readonly predictor: CropPredictor;
  readonly settings: MaskSettings;
  readonly advance: (points: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What the points of a crop give, best predicted IoU first, without duplicates. */
async function masksOfCrop(scene: CropScene, { box, points }: PointsInCrop, work: Work): Promise<FoundMask[]> {
  const { predictor, settings, advance, signal } = work;
  const { width, height } = predictor;
  const toPicture = cropToPicture(box);
  const masks: FoundMask[] = [];
  for (let at = 0; at < points.length; at += settings.pointsPerBatch) {
    signal?.throwIfAborted();
    const batch = points.slice(at, at + settings.pointsPerBatch);
    for await (const { mask, point, predictedIou, stabilityScore } of scene.predictPoints(batch, settings, signal)) {
      const inCrop = encodeBits(mask);
      const around = transformBox(toPicture, maskBox(inCrop));
      if (isNearCropEdge(around, box, [0, 0, width, height])) continue;
      const rle = uncropRle(inCrop, box, [height, width]);
      const pointInPicture = transformPoint(toPicture, batch[point] as Point);
      masks.push({ rle, box: around, predictedIou, stabilityScore, point: pointInPicture, crop: box });
    }
    advance(batch.length);
  }
  return withoutDuplicates(masks, (mask) => mask.predictedIou, settings.boxNmsThresh);
}

/** Those that non-maximum suppression of the boxes leaves, best first. */
function withoutDuplicates(
  masks: readonly FoundMask[],
  score: (mask: FoundMask) => number,
  threshold: number,
): FoundMask[] {
  const boxes = masks.map((mask) => mask.box);
  const scores = masks.map((mask) => Math.fround(score(mask)));
  return boxNms(boxes, scores, threshold).map((i) => masks[i] as FoundMask);
}

/** Fills holes and removes islands, then drops the duplicates that arose; unchanged masks win over changed ones. */
function withoutSmallRegions(masks: readonly FoundMask[], settings: MaskSettings): FoundMask[] {
  const { minMaskRegionArea, boxNmsThresh, cropNmsThresh } = settings;
  const unchanged = new Set<FoundMask>();
  const cleaned = masks.map((mask) => {
    const filled = removeSmallRegions(mask.rle, minMaskRegionArea, "holes");
    const { rle, changed } = removeSmallRegions(filled.rle, minMaskRegionArea, "islands");
    const cleanedMask = { ...mask, rle, box: maskBox(rle) };
    if (!filled.changed && !changed) unchanged.add(cleanedMask);
    return cleanedMask;
  });
  return withoutDuplicates(cleaned, (mask) => Number(unchanged.has(mask)), Math.max(boxNmsThresh, cropNmsThresh));
}

function recordOf({ rle, box, point, crop, predictedIou, stabilityScore }: FoundMask, mode: OutputMode): MaskRecord {
  return {
    segmentation: SEGMENTATION[mode](rle),
    area: maskArea(rle),
    bbox: xywhOf(box),
    predictedIou,
    pointCoords: [point],
    stabilityScore,
    cropBox: xywhOf(crop),
  };
}

const SEGMENTATION: { readonly [Mode in OutputMode]: (rle: Rle) => Segmentations[Mode] } = {
  binary: decodeRle,
  rle: (rle) => rle,
  coco_rle: toCocoRle,
  polygon: (rle) => maskPolygons(decodeRle(rle)),
};

function areaOf([x0, y0, x1, y1]: Box): number {
  return (x1 - x0) * (y1 - y0);
}
