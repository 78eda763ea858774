// `attention`: where DINO's class token looks, as heat maps over the photo.

import type { DinoEncodeOptions, DinoFeatures } from "../../api/dino.ts";
import { type AttentionMap, attentionMaps } from "../../features/attentionMaps.ts";
import type { RgbaImage } from "../../io/image/image.ts";
import { type Context, modelName } from "../context.ts";
import { type EncodedPicture, encodeAll, gridSize, openDino, SHIPPED_DINO } from "../dinoModel.ts";
import { overlay, page } from "../draw/drawing.ts";
import { heat, outline } from "../draw/drawMap.ts";
import { EXIT } from "../failure.ts";
import { isFile, stems, writePicture, writePictures } from "../files/outputs.ts";
import { shortest } from "../numbers.ts";

export interface AttentionRequest {
  readonly image: string;
  /** A .png for a page of all, or a folder for a picture of each. */
  readonly out: string;
  /** Share of the attention that the outline encloses. */
  readonly mass: number;
  /** -1 is the last. */
  readonly layer: number;
  readonly size?: DinoEncodeOptions["size"];
}

export async function attention(request: AttentionRequest, context: Context): Promise<number> {
  const { terminal, options } = context;
  const { image, mass, layer } = request;
  using dino = await openDino(context);
  const encoding = { size: gridSize(dino, request.size), attention: layer };
  for await (const picture of encodeAll(dino, [image], encoding, context)) {
    const { grid } = picture.features;
    const heads = attentionMaps(picture.features);
    const mean = meanAttention(picture.features, mass);
    const files = await draw(picture, heads, mean, request);
    if (options.json) {
      const model = { model: modelName(options, SHIPPED_DINO), dtype: dino.dtype };
      const maps = { heads: heads.map(numbersOf), mean: numbersOf(mean), mask: Array.from(mean.mask) };
      terminal.result(JSON.stringify({ ...model, image, layer, grid, mass, ...maps, files }));
    } else for (const file of files) terminal.result(file);
  }
  return EXIT.OK;
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

/** Draws the maps and gives the files that were written. */
async function draw(
  { path, image }: EncodedPicture,
  heads: readonly AttentionMap[],
  mean: ReturnType<typeof meanAttention>,
  { out, mass }: AttentionRequest,
): Promise<string[]> {
  const [stem = ""] = stems([path]);
  const line = await outline({ ...mean, data: mean.mask }, image);
  const blended = await overlay(image, await heat(mean, image), line);
  const drawn: RgbaImage[] = [];
  for (const map of heads) drawn.push(await overlay(image, await heat(map, image)));
  if (!isFile(out)) {
    const named = drawn.map((picture, i) => [`${stem}-head${i + 1}`, picture] as const);
    return writePictures(out, new Map([[`${stem}-attention`, blended], ...named]));
  }
  const rows = [
    [
      { picture: image, caption: stem },
      { picture: blended, caption: `all heads; ${Math.round(mass * 100)} % is inside the line` },
    ],
  ];
  const panels = drawn.map((picture, i) => ({ picture, caption: `head ${i + 1}` }));
  for (let at = 0; at < panels.length; at += PER_ROW) rows.push(panels.slice(at, at + PER_ROW));
  await writePicture(out, await page(rows, PANEL_HEIGHT));
  return [out];
}

const PANEL_HEIGHT = 300;
const PER_ROW = 3;
