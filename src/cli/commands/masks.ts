// `masks`: everything in pictures, as segment-anything's scripts/amg.py writes it: a folder of PNGs with metadata.csv
// for each picture, or a JSON of COCO's RLE; and an overlay.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Sam } from "../../api/sam.ts";
import { ArgumentError, ImageError } from "../../device/errors.ts";
import type { RgbaImage } from "../../io/image/image.ts";
import { type CocoRle, fromCocoRle } from "../../masks/cocoRle.ts";
import type { MaskRecord } from "../../masks/generateMasks.ts";
import { type GenerateMasksOptions, maskSettings } from "../../masks/options.ts";
import { decodeRle } from "../../masks/rle.ts";
import { type Context, modelName } from "../context.ts";
import { png } from "../draw/drawing.ts";
import { drawMasks } from "../draw/drawMasks.ts";
import { EXIT, UsageError } from "../failure.ts";
import { checkPicturesOut, isFile, stems } from "../files/outputs.ts";
import { loadPicture } from "../files/pictures.ts";
import { writeWholeInFolder } from "../files/writeWhole.ts";
import { shortest } from "../numbers.ts";
import { maskPng, openSam, SHIPPED_SAM } from "../samModel.ts";
import { table } from "../table.ts";

export interface MasksRequest {
  readonly images: readonly string[];
  /** A folder; the table alone when absent. */
  readonly out?: string;
  /** COCO's RLE in place of PNGs. */
  readonly coco: boolean;
  readonly settings: Omit<GenerateMasksOptions, "outputMode" | "signal" | "onProgress">;
}

type CocoMask = MaskRecord<CocoRle>;

/** What tiny-sam's scores are like: see its README. */
const TINY_SAM = { predIouThresh: 0.35, stabilityScoreThresh: 0.6, stabilityScoreOffset: 0.4 };

/** Throws UsageError for what cannot be meant, before the model is loaded. */
export function checkMasks({ images, out, coco, settings }: MasksRequest): void {
  try {
    maskSettings(settings);
  } catch (error) {
    if (error instanceof ArgumentError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
  if (out === undefined) {
    if (coco) throw new UsageError("--coco writes files: say where by --out FOLDER");
    return;
  }
  if (isFile(out)) throw new UsageError(`--out ${out} is a picture, expected a folder`);
  checkPicturesOut(out);
  const taken = stems(images)
    .map((stem) => join(out, coco ? `${stem}.json` : stem))
    .find((path) => existsSync(path));
  if (taken) throw new UsageError(`${taken} is there already: remove it, or name another folder by --out`);
}

export async function masks(request: MasksRequest, context: Context): Promise<number> {
  const { options, terminal, signal } = context;
  const names = stems(request.images);
  using sam = await openSam(context);
  for (const [i, path] of request.images.entries()) {
    const picture = await loadPicture(path, signal);
    if ("message" in picture) throw new ImageError(picture.message);
    const records = await generate(sam, picture.image, request, context);
    const files = await write(records, picture.image, names[i] ?? "", request);
    if (options.json) {
      const model = { model: modelName(options, SHIPPED_SAM), dtype: sam.dtype };
      const { width, height } = picture.image;
      terminal.result(JSON.stringify({ ...model, image: path, width, height, masks: records.map(cocoRecord), files }));
    } else {
      terminal.result(recordTable(path, records, picture.image));
      for (const file of files) terminal.result(file);
    }
  }
  return EXIT.OK;
}

async function generate(
  sam: Sam,
  photo: RgbaImage,
  { settings }: MasksRequest,
  { options, terminal, signal }: Context,
): Promise<CocoMask[]> {
  const progress = terminal.progress("points", 1);
  try {
    return await sam.generateMasks(
      { ...photo, channels: 4 },
      {
        ...(options.model === undefined ? TINY_SAM : {}),
        ...settings,
        outputMode: "coco_rle",
        signal,
        onProgress: ({ done, total }) => progress.update(done, total),
      },
    );
  } finally {
    progress.stop();
  }
}

/** Writes what was asked for and gives the files. */
async function write(
  records: readonly CocoMask[],
  photo: RgbaImage,
  stem: string,
  { out, coco }: MasksRequest,
): Promise<string[]> {
  if (out === undefined) return [];
  const decoded = records.map(({ segmentation }) => decodeRle(fromCocoRle(segmentation)));
  const files = new Map<string, Uint8Array | string>();
  if (coco) files.set(join(out, `${stem}.json`), `${JSON.stringify(records.map(cocoRecord))}\n`);
  else {
    for (const [i, mask] of decoded.entries()) files.set(join(out, stem, `${i}.png`), await maskPng(mask));
    files.set(join(out, stem, "metadata.csv"), csv(records));
  }
  files.set(join(out, `${stem}-masks.png`), await png(await drawMasks(photo, decoded)));
  for (const [path, content] of files) await writeWholeInFolder(path, content);
  return coco ? [...files.keys()] : [join(out, stem), join(out, `${stem}-masks.png`)];
}

/** With the names that segment-anything gives them. */
function cocoRecord(record: CocoMask) {
  return {
    segmentation: record.segmentation,
    area: record.area,
    bbox: record.bbox,
    predicted_iou: shortest(record.predictedIou),
    point_coords: record.pointCoords,
    stability_score: shortest(record.stabilityScore),
    crop_box: record.cropBox,
  };
}

const COLUMNS =
  "id,area,bbox_x0,bbox_y0,bbox_w,bbox_h,point_input_x,point_input_y,predicted_iou,stability_score," +
  "crop_box_x0,crop_box_y0,crop_box_w,crop_box_h";

function csv(records: readonly CocoMask[]): string {
  const rows = records.map(cocoRecord).map((record, i) => {
    const scores = [record.predicted_iou, record.stability_score];
    return [i, record.area, ...record.bbox, ...record.point_coords[0], ...scores, ...record.crop_box].join(",");
  });
  return `${[COLUMNS, ...rows].join("\n")}\n`;
}

function recordTable(path: string, records: readonly CocoMask[], { width, height }: RgbaImage): string {
  const rows = records.map(({ area, bbox: [x, y, w, h], predictedIou, stabilityScore }, i) => {
    const share = `${((100 * area) / (width * height)).toFixed(1)} %`;
    return [String(i), predictedIou.toFixed(3), stabilityScore.toFixed(3), share, `${x},${y} – ${x + w},${y + h}`];
  });
  const title = `${path}: ${records.length} ${records.length === 1 ? "mask" : "masks"}`;
  if (records.length === 0) return `${title}; --pred-iou-thresh and --stability-score-thresh let more pass`;
  return `${title}\n${table([["", "predicted IoU", "stability", "area", "box"], ...rows], "rrrrl", "  ")}`;
}
