// One run of ffmpeg through a video file: its frames in their order, one in memory at a time. Between frames nobody
// reads the pipe, and ffmpeg waits.
import { ImageError } from "../../device/errors.ts";
import { checkSize, type RawImage } from "../image/rgba.ts";
import { Ffmpeg, inputOf, said } from "./ffmpeg.ts";
import { checkWhole, decoding } from "./videoFile.ts";

/** The longest line of a header is far shorter. */
const LONGEST_LINE = 64;

export interface DecoderOptions {
  readonly path: string;
  /** The frame to begin with. */
  readonly from: number;
  /** Frames that the file has by its own words. */
  readonly told: number | undefined;
}

export class Decoder {
  readonly #options: DecoderOptions;
  readonly #ffmpeg: Ffmpeg;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  /** The frame that comes next. */
  next: number;
  /** What ffmpeg complained of although it gave all frames; known at their end. */
  complaint = "";

  constructor(options: DecoderOptions) {
    const { path, from } = options;
    this.#options = options;
    this.next = from;
    // Each frame comes once, whatever its time: ffmpeg would drop and double frames to keep an even rate. Options
    // against that differ between its versions, so frames are set an hour apart, where none lasts until the next.
    // Otherwise ffmpeg does what it does by itself: frames are turned upright, and made as large as the first.
    const each = `${from > 0 ? `select=gte(n\\,${from}),` : ""}settb=3600,setpts=N`;
    const format = ["-r", "1/3600", "-f", "image2pipe", "-c:v", "pam", "-pix_fmt", "rgba", "pipe:1"];
    const args = ["-nostdin", "-v", "error", ...inputOf(path), "-map", "0:V:0", "-vf", each, ...format];
    this.#ffmpeg = new Ffmpeg("ffmpeg", args, decoding(path));
    this.#chunks = this.#ffmpeg.output();
  }

  /**
   * The next frame, undefined after the last.
   *
   * @throws ImageError where ffmpeg fails, the file ends early or what comes are no frames.
   */
  async frame(): Promise<RawImage | undefined> {
    const size = await this.#header();
    if (!size) return this.#end();
    const data = new Uint8Array(size.width * size.height * 4);
    if ((await this.#fill(data)) < data.length) return this.#end(true);
    this.next++;
    return { ...size, data, channels: 4 };
  }

  kill(): void {
    this.#ffmpeg.kill();
  }

  /** The size in a header of Netpbm's PAM (netpbm.sourceforge.net/doc/pam.html); undefined at the end. */
  async #header(): Promise<{ width: number; height: number } | undefined> {
    const fields = new Map<string, string>();
    const { path } = this.#options;
    for (let line = await this.#line(); line !== "ENDHDR"; line = await this.#line()) {
      if (line === undefined) return undefined;
      const [name = "", value = ""] = line.split(" ");
      if (fields.size === 0 && name !== "P7") {
        throw new ImageError(`frame ${this.next} of ${path}: what ffmpeg gives is no frame. Is it another program?`);
      }
      fields.set(name, value);
    }
    const [width, height] = [Number(fields.get("WIDTH")), Number(fields.get("HEIGHT"))];
    checkSize(`frame ${this.next} of ${path}`, width, height);
    return { width, height };
  }

  async #line(): Promise<string | undefined> {
    const byte = new Uint8Array(1);
    let line = "";
    while (line.length < LONGEST_LINE) {
      if ((await this.#fill(byte)) === 0) return undefined;
      if (byte[0] === 0x0a) return line;
      line += String.fromCharCode(byte[0] as number);
    }
    return line;
  }

  /** Reads until the bytes are full or there are no more; gives how many there were. */
  async #fill(bytes: Uint8Array): Promise<number> {
    let at = 0;
    while (at < bytes.length) {
      if (this.#chunk.length === 0) {
        const { done, value } = await this.#chunks.next();
        if (done) break;
        this.#chunk = value;
      }
      const part = this.#chunk.subarray(0, bytes.length - at);
      bytes.set(part, at);
      this.#chunk = this.#chunk.subarray(part.length);
      at += part.length;
    }
    return at;
  }

  /** Nothing more comes: that is the end of the video, or it is not. */
  async #end(isWithinFrame = false): Promise<undefined> {
    const { path, told } = this.#options;
    const ended = await this.#ffmpeg.ended;
    if (ended.code !== 0 || isWithinFrame) {
      throw new ImageError(`frame ${this.next} of ${path} did not come: ffmpeg says ${said(ended)}`);
    }
    if (this.next === 0) throw new ImageError(`${path} gave no frames: ffmpeg says ${said(ended)}`);
    checkWhole(path, this.next, told, ended.words);
    this.complaint = ended.words;
    return undefined;
  }
}
