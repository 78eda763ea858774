// `attention`: where DINO's class token looks, as heat maps over the photo.

import type { DinoEncodeOptions, DinoFeatures } from "../../api/dino.ts";
import { type AttentionMap, attentionMaps } from "../../features/attentionMaps.ts";
import type { RgbaImage } from "../../io/image/image.ts";
import { shortest } from "../../io/numbers.ts";
import { type Context, modelName } from "../context.ts";
import { encodeAll, gridSize, openDino, SHIPPED_DINO } from "../dinoModel.ts";
import { overlay, type Panel, page, resized, widthAt } from "../draw/drawing.ts";
import { heat, outline } from "../draw/drawMap.ts";
import { isFile, stems, writePicture, writePictures } from "../files/outputs.ts";
import { PictureRun } from "../pictureRun.ts";
import { Report } from "../report.ts";

export interface AttentionRequest {
  readonly images: readonly string[];
  /** A .png for a page of all, or a folder for pictures of each. */
  readonly out: string;
  /** Share of the attention that the outline encloses. */
  readonly mass: number;
  /** -1 is the last. */
  readonly layer: number;
  readonly size?: DinoEncodeOptions["size"];
}

export async function attention(request: AttentionRequest, context: Context): Promise<number> {
  const { terminal, options } = context;
  const { mass, layer, out } = request;
  const run = await PictureRun.find(request.images, context);
  const names = stems(run.inputs.map(({ path }) => path));
  using dino = await openDino(context);
  const model = { model: modelName(options, SHIPPED_DINO), dtype: dino.dtype };
  const report = new Report(terminal, options, { ...model, layer, mass });
  const rows: Panel[][] = [];
  const encoding = { size: gridSize(dino, request.size), attention: layer };
  let at = 0;
  for await (const picture of encodeAll(dino, run.inputs, encoding, context)) {
    const stem = names[at++] as string;
    if ("message" in picture) {
      run.fail(picture);
      continue;
    }
    run.succeed();
    const heads = attentionMaps(picture.features);
    const mean = meanAttention(picture.features, mass);
    const maps = await draw(picture.image, heads, mean);
    const files = isFile(out) ? [] : await writeMaps(out, stem, maps);
    if (isFile(out)) rows.push(...(await panels(picture.image, stem, maps, mass)));
    const { grid } = picture.features;
    const numbers = { heads: heads.map(numbersOf), mean: numbersOf(mean), mask: Array.from(mean.mask) };
    report.row({ image: picture.path, grid, ...numbers, files });
    if (!report.isJson) for (const file of files) terminal.result(file);
  }
  run.checkAny();
  if (isFile(out)) await writePicture(out, await page(rows, PANEL_HEIGHT));
  report.end({ errors: run.errors, ...(isFile(out) && { files: [out] }) });
  if (!report.isJson && isFile(out)) terminal.result(out);
  return run.exitCode;
}

/** The mean of the heads, and the patches that hold this share of it. */
export function meanAttention(features: DinoFeatures, mass: number): AttentionMap & { readonly mask: Uint8Array } {
  const heads = attentionMaps(features);
  const [first] = heads as [AttentionMap];
  const data = first.data.map((_, i) => heads.reduce((sum, head) => sum + (head.data[i] as number), 0) / heads.length);
  const [mean] = attentionMaps({ grid: features.grid, attention: { data, shape: [1, 1, data.length] } }, { mass });
  return mean as AttentionMap & { readonly mask: Uint8Array };
}

function numbersOf({ data }: AttentionMap): number[] {
  return Array.from(data, shortest);
}

/** A heat map of all heads with the outline of what is seen most, then one of each head. */
interface DrawnMaps {
  readonly all: RgbaImage;
  readonly heads: readonly RgbaImage[];
}

async function draw(
  photo: RgbaImage,
  heads: readonly AttentionMap[],
  mean: ReturnType<typeof meanAttention>,
): Promise<DrawnMaps> {
  const line = await outline({ ...mean, data: mean.mask }, photo);
  const all = await overlay(photo, await heat(mean, photo), line);
  const drawn: RgbaImage[] = [];
  for (const map of heads) drawn.push(await overlay(photo, await heat(map, photo)));
  return { all, heads: drawn };
}

/** Gives the files that were written. */
function writeMaps(folder: string, stem: string, { all, heads }: DrawnMaps): Promise<string[]> {
  const named = heads.map((picture, i) => [`${stem}-head${i + 1}`, picture] as const);
  return writePictures(folder, new Map([[`${stem}-attention`, all], ...named]));
}

/** Rows of a page; no more of a picture is kept than its panel shows. */
async function panels(photo: RgbaImage, stem: string, { all, heads }: DrawnMaps, mass: number): Promise<Panel[][]> {
  const panel = async (picture: RgbaImage, caption: string): Promise<Panel> => ({
    picture: await resized(picture, { width: widthAt(picture, PANEL_HEIGHT), height: PANEL_HEIGHT }),
    caption,
  });
  const inside = `all heads; ${Math.round(mass * 100)} % is inside the line`;
  const rows = [[await panel(photo, stem), await panel(all, inside)]];
  for (const [i, head] of heads.entries()) {
    if (i % PER_ROW === 0) rows.push([]);
    rows.at(-1)?.push(await panel(head, `head ${i + 1}`));
  }
  return rows;
}

const PANEL_HEIGHT = 300;
const PER_ROW = 3;
