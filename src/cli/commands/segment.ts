// `segment`: the mask of what prompts show, as numbers, as a PNG, and drawn over the picture.
import { existsSync } from "node:fs";
import { extname } from "node:path";
import type { Sam } from "../../api/sam.ts";
import type { RgbaImage } from "../../io/image/image.ts";
import { shortest } from "../../io/numbers.ts";
import { toCocoRle } from "../../masks/cocoRle.ts";
import { maskEdges } from "../../masks/edges.ts";
import { encodeRle, type Mask, maskArea } from "../../masks/rle.ts";
import { maskPng } from "../../pictures/maskPng.ts";
import { named } from "../../pictures/named.ts";
import { type Context, modelName } from "../context.ts";
import { page } from "../draw/drawing.ts";
import { drawMask } from "../draw/drawMasks.ts";
import { EXIT, UsageError } from "../failure.ts";
import { checkFileOut, writePicture } from "../files/outputs.ts";
import { checkArguments } from "../files/pictureArguments.ts";
import { writeWhole } from "../files/writeWhole.ts";
import { loadOne } from "../pictureRun.ts";
import { jsonText } from "../printable.ts";
import { type BoxPrompt, checkInside, edgesOf, maskLogits, type PointPrompt } from "../prompts.ts";
import { edgesText, openSam, SHIPPED_SAM } from "../samModel.ts";
import { table } from "../table.ts";

export interface SegmentRequest {
  readonly image: string;
  readonly points: readonly PointPrompt[];
  /** Each is an object of its own; several come without points and mask. */
  readonly boxes: readonly BoxPrompt[];
  /** Picture of a rough mask. */
  readonly mask?: string;
  readonly multimask: boolean;
  /** A .png for the mask. */
  readonly out?: string;
  /** A .png for the picture with the mask. */
  readonly overlay?: string;
  /** Write over files that are there already. */
  readonly force: boolean;
}

interface ScoredMask extends Mask {
  readonly score: number;
  /** The box that asked for it, where one did. */
  readonly prompt?: BoxPrompt;
}

/** Throws UsageError for what cannot be meant, before any work is done. */
export function checkSegment({ image, points, boxes, mask, multimask, out, overlay, force }: SegmentRequest): void {
  if (points.length + boxes.length === 0 && mask === undefined) {
    throw new UsageError("nothing says what to segment: give --point x,y, --box x0,y0,x1,y1 or --mask FILE");
  }
  if (boxes.length > 1 && (points.length > 0 || mask !== undefined)) {
    throw new UsageError("several --box are several objects: give --point or --mask with one --box, in a run for each");
  }
  checkArguments([image, ...(mask === undefined ? [] : [mask])]);
  for (const file of [out, overlay]) if (file !== undefined) checkFileOut(file, [".png"]);
  const masks = Math.max(1, boxes.length) * (multimask ? 3 : 1);
  const files = [...(out === undefined ? [] : outsOf(out, masks)), ...(overlay === undefined ? [] : [overlay])];
  const taken = force ? undefined : files.find((file) => existsSync(file));
  if (taken) throw new UsageError(`${taken} is there already: name another file, or --force to write over it`);
}

export async function segment(request: SegmentRequest, context: Context): Promise<number> {
  const { options, terminal, signal } = context;
  const { path, image: photo } = await loadOne(request.image, "segment", signal);
  checkInside(request.points, request.boxes, photo);
  const rough = request.mask === undefined ? undefined : (await loadOne(request.mask, "--mask", signal)).image;
  using sam = await openSam(context);
  const masks = await predict(sam, photo, rough, request, signal).catch((error) => {
    throw named(error, path);
  });
  const files = await write(masks, photo, request);
  if (options.json) {
    const model = { model: modelName(options, SHIPPED_SAM), dtype: sam.dtype };
    const { width, height } = photo;
    terminal.result(jsonText({ ...model, image: path, width, height, masks: masks.map(json), files }));
    return EXIT.OK;
  }
  terminal.result(maskTable(masks));
  for (const file of files) terminal.result(file);
  return EXIT.OK;
}

async function predict(
  sam: Sam,
  photo: RgbaImage,
  rough: RgbaImage | undefined,
  { points, boxes, multimask }: SegmentRequest,
  signal: AbortSignal,
): Promise<ScoredMask[]> {
  using scene = await sam.encodeImage({ ...photo, channels: 4 }, { signal });
  const maskInput = rough && (await maskLogits(rough, photo, 4 * sam.config.image_embedding_size));
  const all: ScoredMask[] = [];
  // One prompt after another: the masks of one are what is in memory on the GPU.
  for (const box of boxes.length ? boxes : [undefined]) {
    const masks = await scene.predict({ points, box, maskInput, multimask, signal });
    for (const { mask, width, height, score } of masks) {
      all.push({ width, height, data: mask, score, ...(box && { prompt: box }) });
    }
  }
  return all;
}

/** Writes what was asked for and gives the files. */
async function write(masks: readonly ScoredMask[], photo: RgbaImage, request: SegmentRequest): Promise<string[]> {
  const { out, overlay, points } = request;
  const files: string[] = [];
  if (out !== undefined) {
    files.push(...outsOf(out, masks.length));
    for (const [i, mask] of masks.entries()) await writeWhole(files[i] as string, await maskPng(mask));
  }
  if (overlay !== undefined) {
    const drawn: RgbaImage[] = [];
    for (const mask of masks) drawn.push(await drawMask(photo, mask, { points, box: mask.prompt }));
    const panels = drawn.map((picture, i) => ({ picture, caption: caption(i, masks[i]?.score ?? 0) }));
    const [only] = drawn;
    await writePicture(overlay, only && drawn.length === 1 ? only : await page([panels], PANEL_HEIGHT));
    files.push(overlay);
  }
  return files;
}

const PANEL_HEIGHT = 420;

function caption(i: number, score: number): string {
  return `mask ${i + 1}, predicted IoU ${score.toFixed(2)}`;
}

/** A file for each mask: the one that was named, or several beside it. */
function outsOf(out: string, masks: number): string[] {
  return masks === 1 ? [out] : Array.from({ length: masks }, (_, i) => numbered(out, i + 1));
}

/** mask.png as mask-2.png. */
function numbered(path: string, number: number): string {
  const extension = extname(path);
  return `${path.slice(0, path.length - extension.length)}-${number}${extension}`;
}

function json(mask: ScoredMask) {
  const rle = encodeRle(mask);
  return {
    score: shortest(mask.score),
    ...(mask.prompt && { prompt: edgesOf(mask.prompt) }),
    area: maskArea(rle),
    box: maskEdges(rle),
    segmentation: toCocoRle(rle),
  };
}

function maskTable(masks: readonly ScoredMask[]): string {
  const rows = masks.map((mask, i) => {
    const rle = encodeRle(mask);
    const share = ((100 * maskArea(rle)) / (mask.width * mask.height)).toFixed(1);
    return [`mask ${i + 1}`, mask.score.toFixed(3), `${share} %`, edgesText(maskEdges(rle))];
  });
  return table([["", "predicted IoU", "area", "box"], ...rows], "lrrl");
}
