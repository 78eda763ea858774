// The command `track`: its options and its help.
import { type Command, InvalidArgumentError, Option } from "commander";
import type { RunCommand } from "./context.ts";
import { examples } from "./help.ts";
import {
  objectNames,
  objectPrompts,
  pointNotes,
  readBox,
  readObject,
  readPoint,
  type TrackArgument,
} from "./trackPrompts.ts";

interface TrackOptions {
  readonly frame?: number;
  readonly out?: string;
  readonly overlay?: boolean;
  readonly mp4?: boolean;
  readonly force?: boolean;
}

export function addTrackCommand(command: Command, run: RunCommand): void {
  // Which point is of which object is in the order of the options, which their values alone do not tell.
  const given: TrackArgument[] = [];
  const inOrder = (flags: string, text: string, read: (value: string) => TrackArgument) =>
    new Option(flags, text).argParser((value: string) => given.push(read(value)));
  command
    .description("objects through the frames of a video, by SAM 2")
    .argument("<image...>", "a video file, for which ffmpeg is needed; or the frames: a folder, files, quoted patterns")
    .addOption(inOrder("--object <name>", "an object, which the points and boxes after it show; repeat it", readObject))
    .addOption(
      inOrder("--point <x,y[,frame[,0]]>", "a pixel inside the object, with 0 outside it; repeat it", readPoint),
    )
    .addOption(
      inOrder("--box <x0,y0,x1,y1[,frame]>", "a box around an object; without --object each is of its own", readBox),
    )
    .addOption(
      new Option("--frame <number>", "the frame of those that name none, from 0 (default: 0)").argParser(frameNumber),
    )
    .option("--out <folder>", "write the masks there, see below")
    .option("--overlay", "with --out: write the frames with the masks over them too")
    .option("--mp4", "with --out: write these as a film, by ffmpeg")
    .option("--force", "write into a folder that is there already (default: an error)")
    .option("--jsonl", "print a line of JSON for each frame")
    .addHelpText("after", TEXT)
    .action(async (images: string[], options: TrackOptions, self: Command) => {
      const { frame = 0, out, overlay = false, mp4 = false, force = false } = options;
      const { checkTrack, track } = await import("./commands/track.ts");
      const shown = { objects: objectNames(given), prompts: objectPrompts(given, frame), notes: pointNotes(given) };
      const request = { images, ...shown, overlay, mp4, force, ...(out !== undefined && { out }) };
      checkTrack(request);
      await run(self, (context) => track(request, context));
    });
}

function frameNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError("Expected a whole number.");
}

const TEXT = `
Order:
  All prompts come first. Then the objects are followed from the earliest prompted frame to the end, and from
  there back to the beginning, so a prompt in a later frame helps in all of them. Rows come in that order.
  Frames are numbered from 0; those of a folder or a pattern are sorted as people count, 2 before 10.

Files in --out:
  OBJECT/FRAME.png   the object's mask, white inside; without --object the objects are 1, 2 ...
  palette/FRAME.png  all objects in the form of DAVIS: 0 is the background, 1 the first object; of several that
                     have a pixel, the one with the highest logit
  masks.json         a COCO dataset: a picture a frame, a category an object, masks as RLE
  overlay/FRAME.png  with --overlay
  overlay.mp4        with --mp4: as many frames a second as the video has, 25 for pictures

JSON:
  --json   one document { "model", "dtype", "results": [row, ...], "files" }; files are those of all frames
  --jsonl  the rows alone, a line each
  row      { frame, image, masks: [mask, ...], files }
  mask     { object, score, area, box, segmentation }; the score is above 0 where the object is there;
           boxes are edges { x0, y0, x1, y1 } in pixels, as --box takes them; segmentation is COCO's RLE
${examples(
  "track film.mp4 --point 500,375 --out masks/ --mp4",
  "track frames/ --point 500,375 --model facebook/sam2.1-hiera-tiny --out masks/ --overlay",
  "track film.mp4 --object dog --point 500,375 --object ball --box 10,20,90,80,12 --out masks/",
  "track 'frames/*.jpg' --box 10,20,90,80 --box 100,20,190,80 --frame 12 --json",
)}`;
