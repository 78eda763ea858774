// `segment`: the mask of what prompts show, as numbers, as a PNG, and drawn over the picture.
import { extname } from "node:path";
import type { Sam } from "../../api/sam.ts";
import { loadImage, type RgbaImage } from "../../io/image/image.ts";
import { xywhOf } from "../../masks/boxes.ts";
import { toCocoRle } from "../../masks/cocoRle.ts";
import { encodeRle, type Mask, maskArea, maskBox } from "../../masks/rle.ts";
import { type Context, modelName } from "../context.ts";
import { page } from "../draw/drawing.ts";
import { drawMask } from "../draw/drawMasks.ts";
import { EXIT } from "../failure.ts";
import { writePicture } from "../files/outputs.ts";
import { writeWhole } from "../files/writeWhole.ts";
import { shortest } from "../numbers.ts";
import { type BoxPrompt, checkInside, maskLogits, type PointPrompt } from "../prompts.ts";
import { maskPng, openSam, SHIPPED_SAM } from "../samModel.ts";
import { table } from "../table.ts";

export interface SegmentRequest {
  readonly image: string;
  readonly points: readonly PointPrompt[];
  readonly box?: BoxPrompt;
  /** Picture of a rough mask. */
  readonly mask?: string;
  readonly multimask: boolean;
  /** A .png for the mask. */
  readonly out?: string;
  /** A .png for the picture with the mask. */
  readonly overlay?: string;
}

interface ScoredMask extends Mask {
  readonly score: number;
}

export async function segment(request: SegmentRequest, context: Context): Promise<number> {
  const { options, terminal, signal } = context;
  const photo = await loadImage(request.image, signal);
  checkInside(request.points, request.box, photo);
  const rough = request.mask === undefined ? undefined : await loadImage(request.mask, signal);
  using sam = await openSam(context);
  const masks = await predict(sam, photo, rough, request, signal);
  const files = await write(masks, photo, request);
  if (options.json) {
    const model = { model: modelName(options, SHIPPED_SAM), dtype: sam.dtype };
    const { width, height } = photo;
    terminal.result(JSON.stringify({ ...model, image: request.image, width, height, masks: masks.map(json), files }));
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
  { points, box, multimask }: SegmentRequest,
  signal: AbortSignal,
): Promise<ScoredMask[]> {
  using scene = await sam.encodeImage({ ...photo, channels: 4 }, { signal });
  const maskInput = rough && (await maskLogits(rough, photo, 4 * sam.config.image_embedding_size));
  const masks = await scene.predict({ points, box, maskInput, multimask, signal });
  return masks.map(({ mask, width, height, score }) => ({ width, height, data: mask, score }));
}

/** Writes what was asked for and gives the files. */
async function write(masks: readonly ScoredMask[], photo: RgbaImage, request: SegmentRequest): Promise<string[]> {
  const { out, overlay, points, box } = request;
  const files: string[] = [];
  if (out !== undefined) {
    for (const [i, mask] of masks.entries()) {
      const path = masks.length === 1 ? out : numbered(out, i + 1);
      await writeWhole(path, await maskPng(mask));
      files.push(path);
    }
  }
  if (overlay !== undefined) {
    const drawn: RgbaImage[] = [];
    for (const mask of masks) drawn.push(await drawMask(photo, mask, { points, box }));
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

/** mask.png as mask-2.png. */
function numbered(path: string, number: number): string {
  const extension = extname(path);
  return `${path.slice(0, path.length - extension.length)}-${number}${extension}`;
}

function json(mask: ScoredMask) {
  const rle = encodeRle(mask);
  return {
    score: shortest(mask.score),
    area: maskArea(rle),
    bbox: xywhOf(maskBox(rle)),
    segmentation: toCocoRle(rle),
  };
}

function maskTable(masks: readonly ScoredMask[]): string {
  const rows = masks.map((mask, i) => {
    const area = maskArea(mask);
    const share = ((100 * area) / (mask.width * mask.height)).toFixed(1);
    const [x0, y0, x1, y1] = maskBox(mask);
    return [`mask ${i + 1}`, mask.score.toFixed(3), `${share} %`, area === 0 ? "empty" : `${x0},${y0} – ${x1},${y1}`];
  });
  return table([["", "predicted IoU", "area", "box"], ...rows], "lrrl");
}
