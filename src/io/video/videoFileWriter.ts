// A film made of frames as they come, by the user's ffmpeg.
import { once } from "node:events";
import { rename, rm } from "node:fs/promises";
import { VisionError } from "../../device/errors.ts";
import type { RgbaImage } from "../image/rgba.ts";
import { Ffmpeg, type FfmpegOptions, said } from "./ffmpeg.ts";

/** For `checkFfmpeg`, so that nobody works for hours first. */
export const WRITING: FfmpegOptions = {
  purpose: "a film is made by the program ffmpeg",
  otherwise: "leave the film out",
  takesInput: true,
};

export interface FilmFormat {
  readonly width: number;
  readonly height: number;
  /** Frames a second, as ffmpeg reads them: "30000/1001". */
  readonly rate: string;
}

export class VideoFileWriter {
  readonly path: string;
  readonly #partial: string;
  readonly #ffmpeg: Ffmpeg;

  constructor(path: string, { width, height, rate }: FilmFormat) {
    this.path = path;
    this.#partial = `${path}.${process.pid}.partial`;
    const raw = ["-f", "rawvideo", "-pix_fmt", "rgba", "-s", `${width}x${height}`, "-r", rate, "-i", "pipe:0"];
    // Colours at half the size, which every player takes, need even sides: a line of black where one is odd. The codec
    // is MP4's own in this ffmpeg: libx264 where it has that.
    const even = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"];
    const args = [
      "-v",
      "error",
      ...raw,
      ...even,
      "-movflags",
      "+faststart",
      "-f",
      "mp4",
      "-y",
      `file:${this.#partial}`,
    ];
    this.#ffmpeg = new Ffmpeg("ffmpeg", args, WRITING);
    this.#ffmpeg.ignoreOutput();
    this.#ffmpeg.input.on("error", () => {}); // it ended: `ended` says why
  }

  /** Adds a frame; waits while ffmpeg has enough to do. */
  async write({ data }: RgbaImage): Promise<void> {
    const { input, ended } = this.#ffmpeg;
    if (input.write(data)) return;
    const over = await Promise.race([
      once(input, "drain").then(
        () => undefined,
        () => ended,
      ),
      ended,
    ]);
    if (over) throw this.#failed(said(over));
  }

  /** Ends the film and puts it in its place. */
  async close(): Promise<void> {
    this.#ffmpeg.input.end();
    const ended = await this.#ffmpeg.ended;
    if (ended.code === 0) return rename(this.#partial, this.path);
    await rm(this.#partial, { force: true });
    throw this.#failed(said(ended));
  }

  #failed(why: string): VisionError {
    return new VisionError(`${this.path} cannot be written, ffmpeg says ${why}`);
  }
}
