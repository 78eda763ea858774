// `masks`: everything in pictures, as segment-anything's scripts/amg.py writes it: a folder of PNGs with metadata.csv
// for each picture, or one COCO dataset of all; and an overlay. A mask at a time is decoded. What a run before this one
// has finished is left as it is, so that a long run can go on where it ended.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Sam } from "../../api/sam.ts";
import { ArgumentError } from "../../device/errors.ts";
import type { RgbaImage } from "../../io/image/image.ts";
import { shortest } from "../../io/numbers.ts";
import { toCocoRle } from "../../masks/cocoRle.ts";
import { maskEdges } from "../../masks/edges.ts";
import type { MaskRecord } from "../../masks/generateMasks.ts";
import { type GenerateMasksOptions, maskSettings } from "../../masks/options.ts";
import { outerRings, rlePolygons } from "../../masks/polygons.ts";
import type { Rle } from "../../masks/rle.ts";
import { rlePng } from "../../pictures/maskPng.ts";
import { type Context, modelName } from "../context.ts";
import { png } from "../draw/drawing.ts";
import { drawMasks } from "../draw/drawMasks.ts";
import { UsageError } from "../failure.ts";
import { CocoFile } from "../files/cocoFile.ts";
import { emptyMaskFolder, isWhole, METADATA, strangerIn } from "../files/maskFolder.ts";
import { checkPicturesOut, isFile, stems } from "../files/outputs.ts";
import { checkArguments, type PictureInput } from "../files/pictureArguments.ts";
import { failureOf, isOfPicture, loadPicture } from "../files/pictures.ts";
import { writeWholeInFolder } from "../files/writeWhole.ts";
import { PictureRun } from "../pictureRun.ts";
import { printableLine } from "../printable.ts";
import { Report } from "../report.ts";
import { edgesText, openSam, SHIPPED_SAM } from "../samModel.ts";
import { table } from "../table.ts";

export interface MasksRequest {
  readonly images: readonly string[];
  /** A folder; the table alone when absent. */
  readonly out?: string;
  /** One COCO dataset in place of PNGs. */
  readonly coco: boolean;
  /** Outlines in that dataset, for tools that read no RLE, as Label Studio. */
  readonly polygons: boolean;
  /** Make again what is there already. */
  readonly force: boolean;
  readonly settings: Omit<GenerateMasksOptions, "outputMode" | "signal" | "onProgress">;
}

type RleRecord = MaskRecord<Rle>;

/** A picture and the names of what is made of it. */
interface Task {
  readonly input: PictureInput;
  readonly stem: string;
  readonly fileName: string;
}

/** The file that --coco writes, in the folder of --out. */
const COCO = "coco.json";

/** What tiny-sam's scores are like: see its README. */
const TINY_SAM = { predIouThresh: 0.35, stabilityScoreThresh: 0.6, stabilityScoreOffset: 0.4 };

/** Throws UsageError for what cannot be meant, before the model is loaded. */
export function checkMasks({ images, out, coco, polygons, force, settings }: MasksRequest): void {
  checkArguments(images);
  if (polygons && !coco) throw new UsageError("--polygons is how --coco writes masks: give both");
  try {
    maskSettings(settings);
  } catch (error) {
    if (error instanceof ArgumentError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
  if (out === undefined) {
    if (coco) throw new UsageError("--coco writes files: say where by --out FOLDER");
    if (force) throw new UsageError("--force is for files that are there already: give --out FOLDER");
    return;
  }
  if (isFile(out)) throw new UsageError(`--out ${out} is a picture, expected a folder`);
  checkPicturesOut(out);
}

export async function masks(request: MasksRequest, context: Context): Promise<number> {
  const { options, terminal, signal } = context;
  const { out } = request;
  const run = await PictureRun.find(request.images, context);
  const model = modelName(options, SHIPPED_SAM);
  const file =
    request.coco && out !== undefined
      ? await CocoFile.open(join(out, COCO), { description: `Masks by ${model}`, isNew: request.force })
      : undefined;
  const { tasks, skipped } = await divide(run.inputs, request, file);
  if (skipped.length) terminal.note(skippedNote(skipped, out ?? ""));
  // Where all is done the model is not loaded.
  using sam = tasks.length ? await openSam(context) : undefined;
  const report = new Report(terminal, options, { model, ...(sam && { dtype: sam.dtype }) });
  try {
    for (const task of tasks) {
      const picture = await loadPicture(task.input, signal);
      signal.throwIfAborted();
      if ("message" in picture) {
        run.fail(picture);
        continue;
      }
      const records = await generate(sam as Sam, picture, request, context);
      if ("message" in records) {
        run.fail(records);
        continue;
      }
      run.succeed();
      const files = await write(records, picture.image, task, request, file);
      const { width, height } = picture.image;
      report.row({ image: picture.path, width, height, masks: records.map(jsonOf), files });
      if (report.isJson) continue;
      terminal.result(recordTable(picture.path, records, picture.image));
      for (const path of files) terminal.result(path);
    }
  } finally {
    // A run that is ended keeps what it has.
    await file?.close();
  }
  const files = existsSync(file?.path ?? "") ? [file?.path] : [];
  report.end({ errors: run.errors, skipped: skipped.map(({ input }) => input.path), files });
  if (!report.isJson) for (const path of files) terminal.result(path ?? "");
  return run.exitCode;
}

/** What is to be done, and what an earlier run has done. */
async function divide(inputs: readonly PictureInput[], { out, force }: MasksRequest, file: CocoFile | undefined) {
  const names = stems(inputs.map(({ path }) => path));
  const isUnique = new Set(inputs.map(({ name }) => name)).size === inputs.length;
  const tasks: Task[] = [];
  const skipped: Task[] = [];
  for (const [i, input] of inputs.entries()) {
    const stem = names[i] as string;
    const task = { input, stem, fileName: isUnique ? input.name : input.path };
    const folder = join(out ?? "", stem);
    const isDone = out !== undefined && !force && (file ? file.has(task.fileName) : isWhole(folder));
    (isDone ? skipped : tasks).push(task);
    const stranger = out === undefined || file || isDone || force ? undefined : await strangerIn(folder);
    if (stranger === undefined) continue;
    throw new UsageError(
      `${folder} is there already and holds ${stranger}: name another folder by --out, or --force to write into it`,
    );
  }
  return { tasks, skipped };
}

function skippedNote(skipped: readonly Task[], out: string): string {
  const [first] = skipped;
  const what =
    skipped.length === 1 ? `the masks of ${first?.input.path} are` : `masks of ${skipped.length} pictures are`;
  return `${what} in ${out} already and left as they are; --force makes them again`;
}

async function generate(
  sam: Sam,
  { path, image: photo }: { readonly path: string; readonly image: RgbaImage },
  { settings }: MasksRequest,
  { options, terminal, signal }: Context,
) {
  const progress = terminal.progress("points", 1);
  try {
    return await sam.generateMasks(
      { ...photo, channels: 4 },
      {
        ...(options.model === undefined ? TINY_SAM : {}),
        ...settings,
        outputMode: "rle",
        signal,
        onProgress: ({ done, total }) => progress.update(done, total),
      },
    );
  } catch (error) {
    if (isOfPicture(error)) return failureOf(path, error);
    throw error;
  } finally {
    progress.stop();
  }
}

/** Writes what was asked for and gives the files of this picture alone; the photo's pixels are drawn on. */
async function write(
  records: readonly RleRecord[],
  photo: RgbaImage,
  { stem, fileName }: Task,
  { out, polygons }: MasksRequest,
  file: CocoFile | undefined,
): Promise<string[]> {
  if (out === undefined) return [];
  const overlay = join(out, `${stem}-masks.png`);
  const drawOverlay = async () => {
    await drawMasks(
      photo,
      records.map(({ segmentation }) => segmentation),
    );
    await writeWholeInFolder(overlay, await png(photo));
  };
  const { width, height } = photo;
  if (file) {
    await drawOverlay();
    const masks = records.map(withShortNumbers);
    await file.add({ fileName, width, height, masks: polygons ? masks.map(withPolygons) : masks });
    return [overlay];
  }
  const folder = join(out, stem);
  await emptyMaskFolder(folder);
  const room = new Uint8Array(width * height);
  for (const [i, { segmentation }] of records.entries()) {
    await writeWholeInFolder(join(folder, `${i}.png`), await rlePng(segmentation, room));
  }
  await drawOverlay();
  await writeWholeInFolder(join(folder, METADATA), csv(records));
  return [folder, overlay];
}

function withShortNumbers(record: RleRecord): RleRecord {
  const { predictedIou, stabilityScore } = record;
  return { ...record, predictedIou: shortest(predictedIou), stabilityScore: shortest(stabilityScore) };
}

/** Without its holes, which the tools would take for objects. */
function withPolygons(record: RleRecord): MaskRecord<number[][]> {
  return { ...record, segmentation: outerRings(rlePolygons(record.segmentation)) };
}

/** With segment-anything's names but for boxes, which are edges as --box takes them. */
function jsonOf({ segmentation, area, predictedIou, pointCoords, stabilityScore, cropBox: [x, y, w, h] }: RleRecord) {
  return {
    segmentation: toCocoRle(segmentation),
    area,
    box: maskEdges(segmentation),
    predicted_iou: shortest(predictedIou),
    point_coords: pointCoords,
    stability_score: shortest(stabilityScore),
    crop_box: { x0: x, y0: y, x1: x + w, y1: y + h },
  };
}

const COLUMNS =
  "id,area,bbox_x0,bbox_y0,bbox_w,bbox_h,point_input_x,point_input_y,predicted_iou,stability_score," +
  "crop_box_x0,crop_box_y0,crop_box_w,crop_box_h";

/** As segment-anything writes it, whose boxes end at the last pixel inside. */
function csv(records: readonly RleRecord[]): string {
  const rows = records.map(({ area, bbox, pointCoords, predictedIou, stabilityScore, cropBox }, i) => {
    const scores = [predictedIou, stabilityScore].map(shortest);
    return [i, area, ...bbox, ...pointCoords[0], ...scores, ...cropBox].join(",");
  });
  return `${[COLUMNS, ...rows].join("\n")}\n`;
}

function recordTable(path: string, records: readonly RleRecord[], { width, height }: RgbaImage): string {
  const rows = records.map(({ area, segmentation, predictedIou, stabilityScore }, i) => {
    const share = `${((100 * area) / (width * height)).toFixed(1)} %`;
    const box = edgesText(maskEdges(segmentation));
    return [String(i), predictedIou.toFixed(3), stabilityScore.toFixed(3), share, box];
  });
  const title = `${printableLine(path)}: ${records.length} ${records.length === 1 ? "mask" : "masks"}`;
  if (records.length === 0) return `${title}; --pred-iou-thresh and --stability-score-thresh let more pass`;
  return `${title}\n${table([["", "predicted IoU", "stability", "area", "box"], ...rows], "rrrrl", "  ")}`;
}
