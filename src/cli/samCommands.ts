// The commands that run SAM: their options and their help.
import { type Command, InvalidArgumentError, Option } from "commander";
import type { MasksRequest } from "./commands/masks.ts";
import type { GlobalOptions, RunCommand } from "./context.ts";
import { examples, jsonShape } from "./help.ts";
import { takesPictures } from "./options.ts";
import { type BoxPrompt, collectBox, collectPoint, type PointPrompt } from "./prompts.ts";
import { addTrackCommand } from "./trackCommand.ts";

/** Adds `segment`, `masks` and `track`. */
export function addSamCommands(program: Command, run: RunCommand): void {
  addSegment(program.command("segment"), run);
  addMasks(program.command("masks"), run);
  addTrackCommand(program.command("track"), run);
}

interface SegmentOptions {
  readonly point?: PointPrompt[];
  readonly box?: BoxPrompt[];
  readonly mask?: string;
  readonly multimask?: boolean;
  readonly out?: string;
  readonly overlay?: string;
  readonly force?: boolean;
}

function addSegment(command: Command, run: RunCommand): void {
  command
    .description("the mask of what points, a box or a rough mask show, by SAM")
    .argument("<image>", "path or URL of a picture; - is the standard input")
    .option("--point <x,y[,0]>", "a pixel inside the object, with 0 outside it; repeat it for several", collectPoint)
    .option("--box <x0,y0,x1,y1>", "a box around an object, in pixels; repeat it for several objects", collectBox)
    .option("--mask <file>", "a rough mask to refine, with a point or a box: a picture of the same size, white inside")
    .option("--multimask", "three masks, of a part, a whole and more, where one point may mean each of them")
    .option("--out <file>", "write the mask as a .png, white inside; several get -1, -2, -3 at the name")
    .option("--overlay <file>", "write a .png of the picture with mask and prompts")
    .option("--force", "write over files that are there already (default: an error)")
    .addHelpText(
      "after",
      "\nJSON:\n  --json  { model, dtype, image, width, height, masks: [mask, ...], files }\n" +
        `  mask    { score, prompt, area, box, segmentation }; ${BOXES}\n` +
        examples(
          "segment truck.jpg --point 500,375 --multimask --overlay truck-masks.png",
          "segment truck.jpg --box 425,600,700,875 --point 575,750,0 --out mask.png --overlay overlay.png",
          "segment truck.jpg --box 425,600,700,875 --box 1375,550,1650,800 --json",
          "segment truck.jpg --point 500,375 --model facebook/sam-vit-base --json",
        ),
    )
    .action(async (image: string, options: SegmentOptions, self: Command) => {
      const { point: points = [], box: boxes = [], multimask = false, force = false, ...rest } = options;
      const { checkSegment, segment } = await import("./commands/segment.ts");
      const request = { image, points, boxes, multimask, force, ...rest };
      checkSegment(request);
      await run(self, (context) => segment(request, context));
    });
}

const BOXES =
  "boxes are edges { x0, y0, x1, y1 } in pixels,\n          as --box takes them; segmentation is COCO's RLE";

function addMasks(command: Command, run: RunCommand): void {
  const number = (flag: string, text: string, isWhole = false) =>
    new Option(`--${flag} <number>`, text).argParser(isWhole ? wholeNumber : anyNumber);
  takesPictures(command)
    .description("masks of everything in pictures, by SAM")
    .option("--out <folder>", "write a folder for each picture: a .png for each mask, metadata.csv, and an overlay")
    .option("--coco", "write a COCO dataset of all pictures, coco.json, in place of the folders")
    .option("--polygons", "with --coco: outlines, without holes, in place of RLE, which Label Studio does not read")
    .option("--force", "make again what is there already (default: what an earlier run has finished is left as it is)")
    .addOption(number("points-per-side", "points of the grid a side (default: 32)", true))
    .addOption(number("points-per-batch", "points in one run of the model (default: 64)", true))
    .addOption(number("pred-iou-thresh", "least quality that the model predicts for a mask (default: 0.88)"))
    .addOption(number("stability-score-thresh", "least stability under a change of the cutoff (default: 0.95)"))
    .addOption(number("stability-score-offset", "that change, in logits (default: 1)"))
    .addOption(number("box-nms-thresh", "overlap of boxes from which a mask is a duplicate (default: 0.7)"))
    .addOption(number("crop-n-layers", "layers of crops to look at as well (default: 0)", true))
    .addOption(number("crop-nms-thresh", "as --box-nms-thresh, among crops (default: 0.7)"))
    .addOption(number("crop-overlap-ratio", "overlap of crops as a part of the short side (default: 0.341)"))
    .addOption(number("crop-n-points-downscale-factor", "how much coarser the grid of each layer is (default: 1)"))
    .addOption(number("min-mask-region-area", "fill holes and drop islands of fewer pixels (default: 0)"))
    .addHelpText(
      "after",
      "\nThe options of segment-anything's scripts/amg.py have their names and their defaults. The tiny-sam\n" +
        "that ships is less sure of its masks than those models: without thresholds it gets 0.35, 0.6 and an offset\n" +
        "of 0.4.\n" +
        jsonShape(
          { row: "{ image, width, height, masks: [mask, ...], files }", tail: ["skipped", "files"] },
          "mask     { segmentation, area, box, predicted_iou, point_coords, stability_score, crop_box };\n" +
            "           boxes are edges { x0, y0, x1, y1 } in pixels; segmentation is COCO's RLE\n" +
            "  --coco   COCO's own form: bbox is [x, y, width, height], edge to edge\n" +
            "  metadata.csv is segment-anything's, whose boxes end at the last pixel: a pixel less",
        ) +
        examples(
          "masks truck.jpg --out masks/",
          "masks photos --out masks/ --coco --points-per-side 16 --min-mask-region-area 100",
          "masks truck.jpg --model facebook/sam-vit-base --crop-n-layers 1 --json",
        ),
    )
    .action(async (images: string[], options: MasksOptions, self: Command) => {
      const { out, coco = false, polygons = false, force = false, strict: _, jsonl: __, ...settings } = options;
      const { checkMasks, masks } = await import("./commands/masks.ts");
      const request = { images, out, coco, polygons, force, settings };
      checkMasks(request);
      await run(self, (context) => masks(request, context));
    });
}

type MasksOptions = MasksRequest["settings"] &
  Partial<Pick<MasksRequest, "out" | "coco" | "polygons" | "force">> &
  Pick<GlobalOptions, "strict" | "jsonl">;

function anyNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("Expected a number.");
}

function wholeNumber(text: string): number {
  const value = anyNumber(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError("Expected a whole number.");
}
