// `track`: an object, shown in one frame of a video, in all of its frames: a folder of masks for each object, and the
// frames with the masks drawn over them.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { SegmentedVideo, VideoMask, VideoPrompt } from "../../api/segmentedVideo.ts";
import { VideoSegmenter } from "../../api/videoSegmenter.ts";
import { ImageError, NotFoundError } from "../../device/errors.ts";
import { shortest } from "../../io/numbers.ts";
import { toCocoRle } from "../../masks/cocoRle.ts";
import { maskEdges } from "../../masks/edges.ts";
import { decodeRle, encodeRle, type Mask, maskArea, type Rle } from "../../masks/rle.ts";
import { maskPng } from "../../pictures/maskPng.ts";
import { type Context, modelName, modelSource, openModel } from "../context.ts";
import { png } from "../draw/drawing.ts";
import { drawMasks } from "../draw/drawMasks.ts";
import { EXIT, UsageError } from "../failure.ts";
import { isFile, stems } from "../files/outputs.ts";
import { checkArguments, namedPictures, type PictureInput } from "../files/pictureArguments.ts";
import { loadPicture } from "../files/pictures.ts";
import { writeWholeInFolder } from "../files/writeWhole.ts";
import { type BoxPrompt, checkInside, type PointPrompt } from "../prompts.ts";
import { Report } from "../report.ts";
import { edgesText } from "../samModel.ts";
import { table } from "../table.ts";

/** The checkpoint for videos that ships. */
const SHIPPED = "tiny-sam2";

export interface TrackRequest {
  /** The frames, in their order. */
  readonly images: readonly string[];
  readonly points: readonly PointPrompt[];
  /** Each is an object of its own; several come without points. */
  readonly boxes: readonly BoxPrompt[];
  /** The frame that the prompts are of, from 0. */
  readonly frame: number;
  /** A folder; the table alone when absent. */
  readonly out?: string;
  /** Write the frames with the masks over them too. */
  readonly overlay: boolean;
  /** Write over files that are there already. */
  readonly force: boolean;
}

/** An object's mask in a frame, small enough to keep one for every frame. */
interface TrackedMask {
  readonly object: string;
  readonly score: number;
  readonly rle: Rle;
}

/** Throws UsageError for what cannot be meant, before the model is loaded. */
export function checkTrack({ images, points, boxes, out, overlay, force }: TrackRequest): void {
  checkArguments(images);
  if (points.length + boxes.length === 0) {
    throw new UsageError("nothing says what to track: give --point x,y or --box x0,y0,x1,y1");
  }
  if (boxes.length > 1 && points.length > 0) {
    throw new UsageError("several --box are several objects: give --point with one --box");
  }
  if (out === undefined && (overlay || force))
    throw new UsageError("--overlay and --force are of files: give --out FOLDER");
  if (out !== undefined && isFile(out)) throw new UsageError(`--out ${out} is a picture, expected a folder`);
  if (out !== undefined && existsSync(out) && !force) {
    throw new UsageError(`${out} is there already: name another folder by --out, or --force to write into it`);
  }
}

export async function track(request: TrackRequest, context: Context): Promise<number> {
  const { options, terminal, signal } = context;
  const inputs = await framesOf(request, signal);
  const source = modelSource(options, SHIPPED);
  using segmenter = await openModel(context, (load) => VideoSegmenter.fromPretrained(source, load), SHIPPED);
  using video = await segmenter.open<string>(
    inputs.map(({ image }) => image),
    { signal },
  );
  const frames = await follow(video, request, context);
  const report = new Report(terminal, options, { model: modelName(options, SHIPPED), dtype: segmenter.dtype });
  const names = stems(inputs.map(({ path }) => path));
  const files: string[] = [];
  for (const [frame, masks] of frames.entries()) {
    const input = inputs[frame] as PictureInput;
    const written = await write(masks, input, names[frame] as string, request, signal);
    files.push(...written);
    report.row({ frame, image: input.path, masks: masks.map(json), files: written });
  }
  report.end({ files });
  if (report.isJson) return EXIT.OK;
  terminal.result(trackTable(frames));
  if (request.out !== undefined) terminal.result(request.out);
  return EXIT.OK;
}

/** All frames: where one is missing or cannot be found, what follows would be of another time. */
async function framesOf({ images, frame }: TrackRequest, signal: AbortSignal): Promise<readonly PictureInput[]> {
  const { inputs, failures } = await namedPictures(images, signal);
  if (failures[0]) throw new NotFoundError(failures[0].message);
  if (frame >= inputs.length) {
    throw new UsageError(`--frame ${frame}: the video has ${inputs.length} frames, the first of which is 0`);
  }
  return inputs;
}

/** The masks of all objects in each frame: from the prompted one to the end, then to the beginning. */
async function follow(
  video: SegmentedVideo<string>,
  { points, boxes, frame: from }: TrackRequest,
  { terminal, signal }: Context,
): Promise<TrackedMask[][]> {
  checkInside(points, boxes, video);
  const prompts: VideoPrompt[] =
    boxes.length > 1 ? boxes.map((box) => ({ box })) : [{ points, ...(boxes[0] && { box: boxes[0] }) }];
  for (const [i, prompt] of prompts.entries()) await video.addPrompt(from, String(i + 1), prompt, { signal });
  const frames: TrackedMask[][] = Array(video.length ?? 0);
  const progress = terminal.progress("frames", video.length ?? 0);
  let done = 0;
  try {
    for await (const { frame, masks } of video.propagate({ from, direction: "both", signal })) {
      progress.update(++done);
      frames[frame] = [...masks].map(([object, mask]) => ({
        object,
        score: mask.score,
        rle: encodeRle(maskOf(mask)),
      }));
    }
  } finally {
    progress.stop();
  }
  return frames;
}

function maskOf({ mask, width, height }: VideoMask): Mask {
  return { width, height, data: mask };
}

/** OUT/OBJECT/FRAME.png, white inside, and OUT/overlay/FRAME.png. */
async function write(
  masks: readonly TrackedMask[],
  input: PictureInput,
  name: string,
  { out, overlay }: TrackRequest,
  signal: AbortSignal,
): Promise<string[]> {
  if (out === undefined) return [];
  const files: string[] = [];
  for (const { object, rle } of masks) {
    const path = join(out, object, `${name}.png`);
    await writeWholeInFolder(path, await maskPng(decodeRle(rle)));
    files.push(path);
  }
  if (!overlay) return files;
  const picture = await loadPicture(input, signal);
  if ("message" in picture) throw new ImageError(picture.message);
  await drawMasks(
    picture.image,
    masks.map(({ rle }) => rle),
  );
  const path = join(out, "overlay", `${name}.png`);
  await writeWholeInFolder(path, await png(picture.image));
  return [...files, path];
}

function json({ object, score, rle }: TrackedMask) {
  return { object, score: shortest(score), area: maskArea(rle), box: maskEdges(rle), segmentation: toCocoRle(rle) };
}

function trackTable(frames: readonly (readonly TrackedMask[])[]): string {
  const rows = frames.flatMap((masks, frame) =>
    masks.map(({ object, score, rle }) => {
      const [height, width] = rle.size;
      const share = ((100 * maskArea(rle)) / (width * height)).toFixed(1);
      return [String(frame), object, score.toFixed(2), `${share} %`, edgesText(maskEdges(rle))];
    }),
  );
  return table([["frame", "object", "is there above 0", "area", "box"], ...rows], "lrrrl");
}
