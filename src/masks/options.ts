// Options of everything mode: SamAutomaticMaskGenerator's parameters with its defaults, checked before any work.
import { ArgumentError } from "../device/errors.ts";
import type { CocoRle } from "./cocoRle.ts";
import type { PointGrid } from "./crops.ts";
import type { Mask, Rle } from "./rle.ts";

/** The forms a mask can come in, by the name of the output mode. */
export interface Segmentations {
  /** A byte of 0 or 1 for each pixel. */
  readonly binary: Mask;
  /** Run lengths down the columns. */
  readonly rle: Rle;
  /** What pycocotools writes. */
  readonly coco_rle: CocoRle;
  /** Rings [x, y, x, y, ...] along the edges of pixels; maskPolygons has the convention. */
  readonly polygon: number[][];
}

/** Forms of a mask. */
export type OutputMode = keyof Segmentations;

/** Options of `Sam.generateMasks`: SamAutomaticMaskGenerator's, with its defaults. */
export interface GenerateMasksOptions<Mode extends OutputMode = OutputMode> {
  /** Points of the grid a side, 32 when absent; either this or pointGrids. */
  readonly pointsPerSide?: number;
  /** A grid for each layer of crops, of points within [0, 1] x [0, 1]. */
  readonly pointGrids?: readonly PointGrid[];
  /** Points in one run, 64 when absent: more fill a GPU better, and need more memory. */
  readonly pointsPerBatch?: number;
  /** Masks stay whose IoU as the model predicts it is greater than this (0.88). */
  readonly predIouThresh?: number;
  /** Masks stay whose stability under a change of the cutoff is at least this (0.95). */
  readonly stabilityScoreThresh?: number;
  /** How far the cutoff is moved down and up for the stability, in logits (1). */
  readonly stabilityScoreOffset?: number;
  /** Of masks of one crop whose boxes overlap by a greater IoU than this the best stays (0.7). */
  readonly boxNmsThresh?: number;
  /** Layers of crops that are looked at besides the whole picture (0); layer i has 2^i x 2^i. */
  readonly cropNLayers?: number;
  /** As boxNmsThresh, among crops; masks of smaller crops stay (0.7). */
  readonly cropNmsThresh?: number;
  /** Overlap of the crops of layer 1, as a part of the picture's short side (512 / 1500). */
  readonly cropOverlapRatio?: number;
  /** Points a side are divided by this from layer to layer (1). */
  readonly cropNPointsDownscaleFactor?: number;
  /** Holes and islands of fewer pixels are removed (0: none). */
  readonly minMaskRegionArea?: number;
  /** The form of the masks, "binary" when absent. */
  readonly outputMode?: Mode;
  /** Cancels the work: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each run, with points done and of all crops together. */
  readonly onProgress?: (progress: { done: number; total: number }) => void;
}

const DEFAULTS = {
  pointsPerSide: 32,
  pointsPerBatch: 64,
  predIouThresh: 0.88,
  stabilityScoreThresh: 0.95,
  stabilityScoreOffset: 1,
  boxNmsThresh: 0.7,
  cropNLayers: 0,
  cropNmsThresh: 0.7,
  cropOverlapRatio: 512 / 1500,
  cropNPointsDownscaleFactor: 1,
  minMaskRegionArea: 0,
};

export type MaskSettings = typeof DEFAULTS & Pick<GenerateMasksOptions, "pointGrids"> & { outputMode: OutputMode };

const MODES: readonly string[] = ["binary", "rle", "coco_rle", "polygon"] satisfies OutputMode[];

/** What each number may be: the least and the most, and whether only whole ones. */
const RANGES: Readonly<Record<keyof typeof DEFAULTS, readonly [least: number, most: number, isWhole: boolean]>> = {
  pointsPerSide: [1, 1024, true],
  pointsPerBatch: [1, 65536, true],
  predIouThresh: [-Infinity, Infinity, false],
  stabilityScoreThresh: [-Infinity, Infinity, false],
  stabilityScoreOffset: [0, Infinity, false],
  boxNmsThresh: [0, Infinity, false],
  cropNLayers: [0, 8, true],
  cropNmsThresh: [0, Infinity, false],
  cropOverlapRatio: [0, 0.999, false],
  cropNPointsDownscaleFactor: [1, 1024, false],
  minMaskRegionArea: [0, Infinity, false],
};

/**
 * The options with defaults.
 *
 * @throws ArgumentError for a number out of its range, both or too few grids, an unknown output mode.
 */
export function maskSettings(options: GenerateMasksOptions): MaskSettings {
  const settings = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]) {
    const value = options[name] ?? DEFAULTS[name];
    const [least, most, isWhole] = RANGES[name];
    const fits = typeof value === "number" && value >= least && value <= most;
    if (!fits || (isWhole && !Number.isInteger(value))) {
      const shown = typeof value === "number" ? value : JSON.stringify(value);
      throw new ArgumentError(
        `${name} is ${shown}, expected a ${isWhole ? "whole " : ""}number from ${least} to ${most}`,
      );
    }
    settings[name] = value;
  }
  const { outputMode = "binary", pointGrids } = options;
  if (!MODES.includes(outputMode)) {
    throw new ArgumentError(`outputMode is ${JSON.stringify(outputMode)}, expected one of ${MODES.join(", ")}`);
  }
  if (pointGrids === undefined) return { ...settings, outputMode };
  if (options.pointsPerSide !== undefined) {
    throw new ArgumentError("both pointsPerSide and pointGrids are given, expected one of them");
  }
  checkGrids(pointGrids, settings.cropNLayers + 1);
  return { ...settings, outputMode, pointGrids };
}

function checkGrids(grids: readonly PointGrid[], count: number): void {
  if (grids.length < count) {
    throw new ArgumentError(
      `pointGrids has ${grids.length} grids, expected ${count}: one for the picture and one for each layer of crops`,
    );
  }
  for (const [layer, grid] of grids.entries()) {
    const wrong = grid.find((point) => point.length !== 2 || !point.every((part) => part >= 0 && part <= 1));
    if (grid.length > 0 && !wrong) continue;
    throw new ArgumentError(
      `grid ${layer} of pointGrids ${wrong ? `has ${JSON.stringify(wrong)}` : "is empty"}, ` +
        "expected points [x, y] within 0 and 1",
    );
  }
}
