// Prompts as callers have them, in pixels of the picture, to the tokens that SAM's decoder takes
// (segment-anything: predictor.py, utils/transforms.py).
import { type Point, resizing, transformPoint } from "../../geometry/affine.ts";
import type { SamConfig } from "./config.ts";
import { coordinate, POINT, tokenLabels } from "./promptEncoder.ts";

/** A point in pixels of the picture. */
export interface SamPoint {
  /** From the left. */
  readonly x: number;
  /** From the top. */
  readonly y: number;
  /** 1 inside the object (when absent), 0 outside. */
  readonly label?: number;
}

/** Left, top, right, bottom. */
export type SamBox = readonly [x0: number, y0: number, x1: number, y1: number];

/** What shows the object: points, a box, a rough mask, or several of them. */
export interface SamPrompt {
  /** A point outside the picture counts as one there: SAM was trained without, and what it gives is a guess. */
  readonly points?: readonly SamPoint[] | undefined;
  /** In pixels of the picture. */
  readonly box?: SamBox | undefined;
  /** Logits [L * L] of an earlier result (lowResLogits): the mask is refined. */
  readonly maskInput?: Float32Array | undefined;
}

/** Sizes of a picture and of the part of the padded square that it takes, from the upper left corner. */
export interface Placement {
  readonly width: number;
  readonly height: number;
  readonly cut: readonly [height: number, width: number];
}

/** Tokens of one prompt. */
export interface PromptTokens {
  /** x and y of each */
  readonly coords: readonly number[];
  readonly labels: readonly number[];
}

const MOST_POINTS = 1024;

/** Whether a prompt shows something and can be meant; `wrongPrompt` says what is wrong with one that is not. */
export function isPrompt(prompt: SamPrompt, config: SamConfig): boolean {
  const { points = [], box, maskInput } = prompt ?? {};
  const isEmpty = points?.length === 0 && box === undefined && maskInput === undefined;
  const arePoints = isList(points) && points.length <= MOST_POINTS && Array.from(points).every(isPoint);
  const isMask = maskInput === undefined || isMaskInput(maskInput, 4 * config.image_embedding_size);
  return !isEmpty && arePoints && (box === undefined || isBox(box)) && isMask;
}

/** What is wrong with one, in words that few need. */
export async function wrongPrompt(prompt: SamPrompt, config: SamConfig): Promise<string> {
  const { whatIsWrong } = await import("./wrongPrompt.ts");
  return whatIsWrong(prompt, { side: 4 * config.image_embedding_size, most: MOST_POINTS, isList, isPoint, isBox });
}

/** Lists, and arrays of numbers of any realm. */
export function isList(value: unknown): boolean {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value);
}

/** Numbers beyond any picture are mistakes. */
function isPixel(value: unknown): boolean {
  return typeof value === "number" && Math.abs(value) <= 1e6;
}

function isPoint(point: unknown): boolean {
  const { x, y, label = 1 } = (point ?? {}) as Partial<SamPoint>;
  return isPixel(x) && isPixel(y) && (label === 0 || label === 1);
}

function isBox(box: unknown): boolean {
  if (!isList(box)) return false;
  const sides = Array.from(box as SamBox);
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = sides;
  return sides.length === 4 && sides.every(isPixel) && x1 >= x0 && y1 >= y0;
}

function isMaskInput(maskInput: Float32Array, side: number): boolean {
  const isFloats = Object.prototype.toString.call(maskInput) === "[object Float32Array]"; // of any realm
  return isFloats && maskInput.length === side * side && maskInput.every(Number.isFinite);
}

/**
 * The decoder's own tokens, then points, then the box. Points without a box are followed by a point that is none; in
 * SAM 2 all prompts are, and a mask alone by two (transformers: models/sam2, Sam2PromptEncoder).
 */
export function tokensOf({ points = [], box }: SamPrompt, placement: Placement, config: SamConfig): PromptTokens {
  const { outputs, padding, point: firstPoint } = tokenLabels(config);
  const coords: number[] = Array(2 * outputs).fill(0);
  const labels: number[] = Array.from({ length: outputs }, (_, i) => i);
  const pictureToSquare = resizing(placement, { width: placement.cut[1], height: placement.cut[0] });
  const push = (point: Point, kind: number) => {
    const [x, y] = transformPoint(pictureToSquare, point);
    coords.push(coordinate(x, config), coordinate(y, config));
    labels.push(firstPoint + kind);
  };
  for (const { x, y, label = 1 } of points) push([x, y], label === 1 ? POINT.foreground : POINT.background);
  const isShown = points.length > 0 || box !== undefined;
  const placeless = config.decoder.pred_obj_scores ? 2 - Number(isShown) : Number(isShown && !box);
  coords.push(...Array(2 * placeless).fill(0));
  labels.push(...Array(placeless).fill(padding));
  if (box) {
    push([box[0], box[1]], POINT.topLeft);
    push([box[2], box[3]], POINT.bottomRight);
  }
  return { coords, labels };
}

/** The tokens of a foreground point of the padded square, as the decoder takes them. */
export function pointTokens(config: SamConfig, [x, y]: readonly [number, number]) {
  const { image_size: side } = config;
  const square = { width: side, height: side, cut: [side, side] as const };
  const { coords, labels } = tokensOf({ points: [{ x, y }] }, square, config);
  return { coords: Float32Array.from(coords), labels: Int32Array.from(labels) };
}

// Most prompts in one run: the upscaled embeddings of 8 are 64 MiB, half of what WebGPU lets bind by default.
export const PROMPTS_PER_RUN = 8;

/** Prompts of one run: as many tokens each, and all with a mask or none. */
export interface Run {
  readonly P: number;
  readonly T: number;
  readonly hasMask: boolean;
  readonly coords: Float32Array;
  readonly labels: Int32Array;
  /** [P * L * L] */
  readonly masks: Float32Array;
  /** Where the prompts stand among those given. */
  readonly indices: readonly number[];
}

/** Prompts sorted into runs, of so many at most. */
export function runsOf(
  prompts: readonly SamPrompt[],
  placement: Placement,
  config: SamConfig,
  most = PROMPTS_PER_RUN,
): Run[] {
  const tokens = prompts.map((prompt) => tokensOf(prompt, placement, config));
  const groups = new Map<string, number[]>();
  for (const [i, { labels }] of tokens.entries()) {
    const key = `${labels.length} ${prompts[i]?.maskInput !== undefined}`;
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(i);
  }
  const runs: Run[] = [];
  for (const group of groups.values()) {
    for (let at = 0; at < group.length; at += most) {
      const indices = group.slice(at, at + most);
      const ofRun = indices.map((i) => tokens[i]);
      const masks = indices.flatMap((i) => prompts[i]?.maskInput ?? []);
      runs.push({
        P: indices.length,
        T: ofRun[0]?.labels.length ?? 0,
        hasMask: masks.length > 0,
        coords: Float32Array.from(ofRun.flatMap((token) => token?.coords ?? [])),
        labels: Int32Array.from(ofRun.flatMap((token) => token?.labels ?? [])),
        masks: joined(masks),
        indices,
      });
    }
  }
  return runs;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
