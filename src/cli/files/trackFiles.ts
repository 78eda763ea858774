// What `track` writes: a folder of masks for each object, all objects of a frame in one picture with a palette, a COCO
// file, and the frames with the masks over them, as pictures and as a film. It is written frame by frame, so that what
// was done stays, however the command ends.
import { join } from "node:path";
import type { VideoMask } from "../../api/segmentedVideo.ts";
import { ImageError } from "../../device/errors.ts";
import type { RgbaImage } from "../../io/image/image.ts";
import { shortest } from "../../io/numbers.ts";
import { VideoFileWriter } from "../../io/video/videoFileWriter.ts";
import { encodeRle, maskArea, type Rle } from "../../masks/rle.ts";
import { maskPng } from "../../pictures/maskPng.ts";
import { png } from "../draw/drawing.ts";
import { drawMasks } from "../draw/drawMasks.ts";
import { objectNumbers, palettePng } from "../draw/palette.ts";
import type { Terminal } from "../terminal.ts";
import { CocoFile } from "./cocoFile.ts";
import { loadPicture } from "./pictures.ts";
import type { TrackFrames } from "./trackFrames.ts";
import { writeWholeInFolder } from "./writeWhole.ts";

/** An object's mask in a frame. */
export interface TrackedMask {
  readonly object: string;
  readonly found: VideoMask;
  readonly rle: Rle;
}

export interface TrackFilesOptions {
  /** The folder. */
  readonly out: string;
  /** In the order of their numbers, from 1. */
  readonly objects: readonly string[];
  readonly overlay: boolean;
  readonly mp4: boolean;
  /** Frames come in their order, so that the film can be made meanwhile; else it is made at the end. */
  readonly areInOrder: boolean;
  /** What made the masks. */
  readonly model: string;
}

export class TrackFiles {
  readonly #options: TrackFilesOptions;
  readonly #frames: TrackFrames;
  readonly #coco: CocoFile;
  #film: VideoFileWriter | undefined;

  private constructor(options: TrackFilesOptions, frames: TrackFrames, coco: CocoFile) {
    this.#options = options;
    this.#frames = frames;
    this.#coco = coco;
  }

  static async open(options: TrackFilesOptions, frames: TrackFrames): Promise<TrackFiles> {
    const { out, objects: categories, model } = options;
    const description = `Objects of a video, by ${model}`;
    const coco = await CocoFile.open(join(out, "masks.json"), { description, isNew: true, categories });
    return new TrackFiles(options, frames, coco);
  }

  /** A frame's picture for `write`, where it is drawn on: to be asked for before the video goes on. */
  async picture(frame: number, signal: AbortSignal): Promise<RgbaImage | undefined> {
    const { overlay, mp4, areInOrder } = this.#options;
    return overlay || (mp4 && areInOrder) ? this.#frames.picture(frame, signal) : undefined;
  }

  /** Writes what belongs to a frame and gives the files of this frame alone. */
  async write(frame: number, masks: readonly TrackedMask[], picture: RgbaImage | undefined): Promise<string[]> {
    const { out, overlay, mp4, areInOrder } = this.#options;
    const name = `${this.#frames.stem(frame)}.png`;
    const files: string[] = [];
    const put = async (folder: string, content: Uint8Array) => {
      const path = join(out, folder, name);
      await writeWholeInFolder(path, content);
      files.push(path);
    };
    for (const { object, found } of masks) await put(object, await maskPng({ ...found, data: found.mask }));
    const [{ found: size } = { found: { width: 0, height: 0 } }] = masks;
    await put(
      "palette",
      await palettePng(
        objectNumbers(
          masks.map(({ found }) => found),
          size,
        ),
        size,
      ),
    );
    await this.#addToCoco(frame, name, masks, size);
    if (picture === undefined) return files;
    await drawMasks(
      picture,
      masks.map(({ rle }) => rle),
      { areInOrder: true },
    );
    if (overlay) await put("overlay", await png(picture));
    if (mp4 && areInOrder) await this.#addToFilm(picture);
    return files;
  }

  /** Makes the film of frames that did not come in their order, of the masks that were written. */
  async makeFilm(count: number, terminal: Terminal, signal: AbortSignal): Promise<void> {
    const { out, mp4, areInOrder, objects } = this.#options;
    if (!mp4 || areInOrder) return;
    const progress = terminal.progress("film", count, "frames");
    for (let frame = 0; frame < count; frame++) {
      signal.throwIfAborted();
      const picture = await this.#frames.picture(frame, signal);
      const masks: Rle[] = [];
      for (const object of objects) masks.push(await readMask(join(out, object, `${this.#frames.stem(frame)}.png`)));
      await drawMasks(picture, masks, { areInOrder: true });
      await this.#addToFilm(picture);
      progress.update(frame + 1);
    }
    progress.stop();
  }

  /** Ends the files that are of all frames, with what they have; gives those that are there. */
  async close(): Promise<string[]> {
    const film = this.#film;
    this.#film = undefined;
    try {
      await film?.close();
    } finally {
      await this.#coco.close();
    }
    return [this.#coco.path, ...(film ? [film.path] : [])];
  }

  /** Where an object is not there it has no annotation. */
  async #addToCoco(frame: number, fileName: string, masks: readonly TrackedMask[], { width, height }: Size) {
    const there = masks
      .filter(({ rle }) => maskArea(rle) > 0)
      .map(({ object, found, rle }) => {
        return { segmentation: rle, category: object, score: shortest(found.score) };
      });
    await this.#coco.add({ fileName, width, height, frame, masks: there });
  }

  async #addToFilm(picture: RgbaImage): Promise<void> {
    const { width, height } = picture;
    this.#film ??= new VideoFileWriter(join(this.#options.out, "overlay.mp4"), {
      width,
      height,
      rate: this.#frames.rate,
    });
    await this.#film.write(picture);
  }
}

type Size = Pick<VideoMask, "width" | "height">;

/** Reads a mask that was written. */
async function readMask(path: string): Promise<Rle> {
  const loaded = await loadPicture({ path, image: path });
  if ("message" in loaded) throw new ImageError(loaded.message);
  const { width, height, data } = loaded.image;
  return encodeRle({
    width,
    height,
    data: Uint8Array.from({ length: width * height }, (_, i) => (data[i * 4] as number) >> 7),
  });
}
