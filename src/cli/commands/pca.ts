// `pca`: patches as colours, beside their photos; what is alike has the same colour in all of them.
import type { DinoEncodeOptions, DinoFeatures } from "../../api/dino.ts";
import { type PcaPicture, pca } from "../../features/pca.ts";
import type { RgbaImage } from "../../io/image/image.ts";
import { type Context, modelName } from "../context.ts";
import { encodeAll, gridSize, openDino, SHIPPED_DINO } from "../dinoModel.ts";
import { type Panel, page, resized, widthAt } from "../draw/drawing.ts";
import { patchColours } from "../draw/drawMap.ts";
import { isFile, stems, writePicture, writePictures } from "../files/outputs.ts";
import { PictureRun } from "../pictureRun.ts";
import { Report } from "../report.ts";

export interface PcaRequest {
  readonly images: readonly string[];
  /** A .png for a page of all, or a folder for a picture of each. */
  readonly out: string;
  readonly foreground: "none" | "high" | "low";
  readonly size?: DinoEncodeOptions["size"];
}

const PANEL_HEIGHT = 300;

export async function pcaPictures(request: PcaRequest, context: Context): Promise<number> {
  const { terminal, options } = context;
  const { out, foreground } = request;
  const run = await PictureRun.find(request.images, context);
  using dino = await openDino(context);
  const paths: string[] = [];
  const photos: RgbaImage[] = [];
  const features: DinoFeatures[] = [];
  for await (const encoded of encodeAll(dino, run.inputs, { size: gridSize(dino, request.size) }, context)) {
    if ("message" in encoded) {
      run.fail(encoded);
      continue;
    }
    run.succeed();
    paths.push(encoded.path);
    // No more of a photo is kept than its panel shows.
    photos.push(await atPanelHeight(encoded.image));
    features.push(encoded.features);
  }
  run.checkAny();
  const { pictures } = pca(features, { foreground });
  const names = stems(paths);
  const rows: Panel[][] = [];
  for (const [i, photo] of photos.entries()) {
    const colours = await coloursBeside(photo, pictures[i] as PcaPicture);
    const caption = foreground === "none" ? "patches as colours" : `patches as colours, ${foreground} side`;
    rows.push([
      { picture: photo, caption: names[i] as string },
      { picture: colours, caption },
    ]);
  }
  const files = await write(out, names, rows);
  const report = new Report(terminal, options, {
    model: modelName(options, SHIPPED_DINO),
    dtype: dino.dtype,
    foreground,
  });
  for (const [i, { width, height, rgb }] of pictures.entries()) {
    report.row({ image: paths[i], grid: [height, width], rgb: Array.from(rgb) });
  }
  report.end({ errors: run.errors, files });
  if (!report.isJson) for (const file of files) terminal.result(file);
  return run.exitCode;
}

function atPanelHeight(photo: RgbaImage): Promise<RgbaImage> {
  return resized(photo, { width: widthAt(photo, PANEL_HEIGHT), height: PANEL_HEIGHT });
}

async function coloursBeside(photo: RgbaImage, picture: PcaPicture): Promise<RgbaImage> {
  return resized(patchColours(picture), photo, "blocks");
}

async function write(out: string, names: readonly string[], rows: readonly Panel[][]): Promise<string[]> {
  if (isFile(out)) {
    await writePicture(out, await page(rows, PANEL_HEIGHT));
    return [out];
  }
  const pages = new Map<string, RgbaImage>();
  for (const [i, row] of rows.entries()) pages.set(`${names[i]}-pca`, await page([row], PANEL_HEIGHT));
  return writePictures(out, pages);
}
