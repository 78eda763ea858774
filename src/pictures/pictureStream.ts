// Many pictures through a model: the next ones are read and decoded while the GPU works, and results come in order.
import { ArgumentError, LimitError } from "../device/errors.ts";
import { closePicture, type ImageLike } from "../io/image/image.ts";
import { abortable } from "../session/calls.ts";
import { Bell } from "./bell.ts";
import { DecodeAhead, type DecodedPicture, type ImageSource } from "./decodeAhead.ts";
import type { EncodedPicture, EncodeImagesOptions } from "./encodeOptions.ts";
import { named } from "./named.ts";
import { PictureRuns, type SubmittedBatch } from "./pictureRuns.ts";
import type { Collector, PictureTower } from "./tower.ts";

const BATCH_SIZE = 8;
const DECODE_AHEAD_BYTES = 256 << 20;
/** Batches submitted whose results have not come: while one's are brought back, the GPU has the next. */
const MOST_RUNNING = 2;

/** A picture in a batch: its row there, or why it has none. */
interface Entry {
  readonly index: number;
  readonly image: ImageLike;
  readonly row?: number;
  readonly error?: unknown;
}

interface Running<Outputs> {
  readonly entries: readonly Entry[];
  readonly batch: SubmittedBatch<Outputs> | undefined;
  isDone: boolean;
}

/** Pictures on their way through a tower. */
export class PictureStream<Outputs, Row> {
  readonly #options: EncodeImagesOptions;
  readonly #total: number | undefined;
  readonly #changes = new Bell();
  readonly #ahead: DecodeAhead;
  readonly #collector: Collector<Outputs, Row>;
  readonly #runs: PictureRuns<Outputs, Row>;
  readonly #running: Running<Outputs>[] = [];
  /** Pictures of the batch that gathers. */
  #entries: Entry[] = [];
  /** An error is to be thrown at its turn: no more pictures are taken. */
  #isStopping = false;
  #done = 0;

  constructor(
    tower: PictureTower,
    collector: Collector<Outputs, Row>,
    source: ImageSource,
    options: EncodeImagesOptions,
  ) {
    const { batchSize = BATCH_SIZE, decodeAheadBytes: bytes = DECODE_AHEAD_BYTES, signal } = options;
    checkCount("batchSize", batchSize);
    checkCount("decodeAheadBytes", bytes);
    this.#options = options;
    this.#total = Array.isArray(source) ? source.length : undefined;
    this.#collector = collector;
    this.#runs = new PictureRuns(tower, collector, batchSize, signal);
    this.#ahead = new DecodeAhead(source, { pictures: 2 * batchSize, bytes, onChange: () => this.#changes.ring() });
  }

  async *results(): AsyncGenerator<EncodedPicture<Row>, void, undefined> {
    const { signal } = this.#options;
    const onAbort = () => this.#changes.ring();
    signal?.addEventListener("abort", onAbort);
    try {
      for (;;) {
        signal?.throwIfAborted();
        const isEnd = this.#isStopping || this.#ahead.isAtEnd;
        const [oldest] = this.#running;
        const isNothingElse = isEnd && this.#entries.length === 0;
        if (oldest && (oldest.isDone || this.#running.length >= MOST_RUNNING || isNothingElse)) {
          this.#running.shift();
          yield* this.#resultsOf(oldest);
        } else if (isNothingElse) {
          if (this.#ahead.failure) throw this.#ahead.failure.error;
          return;
        } else if (isEnd || this.#isComplete()) await this.#submit();
        else {
          const picture = this.#ahead.take();
          if (picture) await this.#add(picture);
          else await this.#changes.wait();
        }
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#ahead.close();
      this.#runs.close();
    }
  }

  async *#resultsOf({ entries, batch }: Running<Outputs>): AsyncGenerator<EncodedPicture<Row>, void, undefined> {
    const { signal, onError, onProgress } = this.#options;
    const outputs = batch && { of: await abortable(batch.outputs, signal) };
    this.#reportSteps();
    for (const { index, image, row, error } of entries) {
      signal?.throwIfAborted();
      if (row === undefined && !onError) throw error;
      if (row === undefined) onError?.(error, { index, image });
      onProgress?.({ done: ++this.#done, total: this.#total });
      if (!batch || !outputs || row === undefined) continue;
      yield { index, image, size: batch.size, outputs: this.#collector.row(outputs.of, row) };
    }
  }

  /** The batch is full, or there are only failures to tell of. */
  #isComplete(): boolean {
    return this.#runs.isFull || (this.#entries.length > 0 && this.#runs.gathered === 0);
  }

  async #submit(): Promise<void> {
    const batch = this.#runs.gathered ? await this.#run() : undefined;
    const running: Running<Outputs> = { entries: this.#entries, batch, isDone: !batch };
    this.#entries = [];
    const onDone = () => {
      running.isDone = true;
      this.#changes.ring();
    };
    batch?.outputs.then(onDone, onDone);
    this.#running.push(running);
  }

  /** The batch's run; undefined where the GPU cannot hold it, which is then the failure of each of its pictures. */
  async #run(): Promise<SubmittedBatch<Outputs> | undefined> {
    try {
      return await this.#runs.run();
    } catch (error) {
      if (!(error instanceof LimitError)) throw error;
      this.#runs.drop();
      const entries = this.#entries.splice(0);
      for (const entry of entries) this.#fail(entry.index, entry.image, entry.error ?? error);
      return undefined;
    }
  }

  /** Brings a picture to the GPU; one of another size than those before it begins a batch of its own. */
  async #add(picture: DecodedPicture): Promise<void> {
    const { index, image, startMs, endMs } = picture;
    this.#runs.steps.push({ lane: "decode", indices: [index], startMs, endMs });
    if ("error" in picture) return this.#fail(index, image, picture.error);
    const { pixels, bytes } = picture;
    try {
      if (!this.#runs.fits(pixels)) await this.#submit();
      await this.#runs.add(index, pixels, () => this.#ahead.release(bytes));
      this.#entries.push({ index, image, row: this.#runs.gathered - 1 });
    } catch (error) {
      if (!(error instanceof LimitError)) throw error;
      this.#ahead.release(bytes);
      this.#fail(index, image, error);
    } finally {
      closePicture(pixels);
    }
  }

  #fail(index: number, image: ImageLike, error: unknown): void {
    this.#entries.push({ index, image, error: named(error, image) });
    this.#isStopping ||= !this.#options.onError;
  }

  #reportSteps(): void {
    for (const step of this.#runs.steps.splice(0)) this.#options.onStep?.(step);
  }
}

function checkCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new ArgumentError(`${name} is ${value}, expected a whole number from 1`);
}
