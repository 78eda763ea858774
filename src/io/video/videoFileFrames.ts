// The frames of a video file, decoded while they are asked for and never written anywhere.
import { DisposedError } from "../../device/errors.ts";
import type { RawImage } from "../image/rgba.ts";
import { Decoder } from "./decoder.ts";
import { checkFfmpeg } from "./ffmpeg.ts";
import { countFrames, decoding, type VideoFacts, videoFacts } from "./videoFile.ts";

/** Bytes of frames that are kept while a video is gone through backwards. */
const STRETCH_BYTES = 256 << 20;

export interface VideoFileOptions {
  /** Whether frames are asked for in any order; else each once, from the first on. */
  readonly isRandom: boolean;
  /** A video of fewer frames, or that does not tell how many, may be asked for any of them too: 0 when absent. */
  readonly countBelow?: number;
  readonly signal: AbortSignal;
  /** In place of 256 MiB, for tests. */
  readonly stretchBytes?: number;
}

type Counted = Awaited<ReturnType<typeof countFrames>>;

/**
 * A `FrameSource`. Forward the file is decoded once. A frame that is over is decoded again with those before it, as
 * many as fit some memory: who goes backwards then finds them, and the file is decoded once a stretch.
 */
export class VideoFileFrames {
  readonly facts: VideoFacts;
  /** Frames, where they are asked for in any order. */
  readonly length: number | undefined;
  readonly #path: string;
  readonly #stretchBytes: number;
  #decoder: Decoder | undefined;
  /** The last frame, or those of a stretch, and the number of the first. */
  #kept: RawImage[] = [];
  #first = 0;
  #isClosed = false;
  readonly #complaint: string | undefined;

  private constructor(path: string, facts: VideoFacts, stretchBytes: number, counted?: Counted) {
    this.#path = path;
    this.facts = facts;
    this.length = counted?.count;
    this.#complaint = counted?.complaint;
    this.#stretchBytes = stretchBytes;
  }

  /** @throws NotFoundError where ffmpeg or ffprobe is not there; ImageError for what is no whole video. */
  static async open(path: string, options: VideoFileOptions) {
    const { isRandom, countBelow = 0, signal, stretchBytes = STRETCH_BYTES } = options;
    await checkFfmpeg(decoding(path));
    const facts = await videoFacts(path, signal);
    const isCounted = isRandom || (facts.estimate ?? 0) < countBelow;
    const counted = isCounted ? await countFrames(path, facts, signal) : undefined;
    return new VideoFileFrames(path, facts, stretchBytes, counted);
  }

  /** What ffmpeg complained of although all frames came; known at their end. */
  get complaint(): string {
    return this.#complaint ?? this.#decoder?.complaint ?? "";
  }

  /** A frame, undefined after the last one. An abort ends ffmpeg; the next call begins it again. */
  async frame(index: number, signal: AbortSignal): Promise<RawImage | undefined> {
    signal.throwIfAborted();
    if (this.#isClosed) throw new DisposedError("this video file was closed; open it again");
    const stop = () => this.#stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      return await this.#at(index);
    } finally {
      signal.removeEventListener("abort", stop);
      signal.throwIfAborted(); // what failed then did so because ffmpeg was ended
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
    this.#kept = [];
  }

  async #at(index: number): Promise<RawImage | undefined> {
    const kept = this.#kept[index - this.#first];
    if (kept) return kept;
    const next = this.#decoder?.next ?? 0;
    if (index < next) return this.#again(index);
    this.#kept = [];
    return this.#forward(index);
  }

  /** Decodes on to a frame. */
  async #forward(index: number): Promise<RawImage | undefined> {
    this.#decoder ??= this.#decoderFrom(index);
    const decoder = this.#decoder;
    while (decoder.next < index) if (!(await decoder.frame())) return undefined;
    const image = await decoder.frame();
    if (image) {
      this.#first = index;
      this.#kept = [image];
    }
    return image;
  }

  /** Decodes a frame that is over, and keeps those before it that fit. */
  async #again(index: number): Promise<RawImage | undefined> {
    const [{ data } = { data: new Uint8Array(this.#stretchBytes) }] = this.#kept;
    const count = Math.min(index + 1, Math.max(1, Math.floor(this.#stretchBytes / data.length)));
    this.#stop();
    this.#kept = [];
    const first = index + 1 - count;
    const decoder = this.#decoderFrom(first);
    this.#decoder = decoder;
    const stretch: RawImage[] = [];
    for (let i = 0; i < count; i++) {
      const image = await decoder.frame();
      if (!image) return undefined;
      stretch.push(image);
    }
    this.#first = first;
    this.#kept = stretch;
    return stretch.at(-1);
  }

  #decoderFrom(from: number): Decoder {
    return new Decoder({ path: this.#path, from, told: this.facts.told });
  }

  #stop(): void {
    this.#decoder?.kill();
    this.#decoder = undefined;
  }
}
