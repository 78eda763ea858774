// Many pictures through a model: the next ones are read and decoded while the GPU works, and results come in order.
import { ArgumentError, LimitError } from "../device/errors.ts";
import type { NdArray } from "../device/tensor.ts";
import type { Executor } from "../graph/executor.ts";
import { type ImageLike, loadImage } from "../io/image.ts";
import { abortable, Bell } from "./bell.ts";
import { DecodeAhead, type DecodedPicture, type ImageSource } from "./decodeAhead.ts";
import { type EncodeStep, type PictureBatch, PictureRuns, type PictureTower, type Size } from "./pictureRuns.ts";
import { encodePicture, preprocessor } from "./pictures.ts";
import { outputSize } from "./preprocess.ts";

/** How `encodeImages` goes about many pictures. */
export interface EncodeImagesOptions {
  /** Pictures in one run of the model, 8 by default: more fill a GPU better, and need more memory. */
  readonly batchSize?: number;
  /** Most bytes of decoded pixels held ahead of the GPU, 256 MiB by default; larger pictures come one at a time. */
  readonly decodeAheadBytes?: number;
  /** Stops the work at once. */
  readonly signal?: AbortSignal;
  /** Called after each picture. `total` is known where the pictures come as a list. */
  readonly onProgress?: (progress: { done: number; total: number | undefined }) => void;
  /**
   * Called, in the order of the pictures, for one that cannot be read or is too large for the GPU; the others go on.
   * When absent, such an error is thrown after the results before it.
   */
  readonly onError?: (error: unknown, picture: { index: number; image: ImageLike }) => void;
  /** Called with what was done when: material for a timeline. */
  readonly onStep?: (step: EncodeStep) => void;
}

/** Of a call that gives all results at once. */
export interface ListOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { done: number; total: number }) => void;
}

/** What the tower made of one picture: its outputs with the axis of pictures, of length 1. */
export interface EncodedPicture {
  readonly index: number;
  readonly image: ImageLike;
  readonly size: Size;
  readonly outputs: Readonly<Record<string, NdArray>>;
}

const BATCH_SIZE = 8;
const DECODE_AHEAD_BYTES = 256 << 20;
/** Batches submitted whose results have not come: while one's are brought back, the GPU has the next. */
const MOST_RUNNING = 2;

/** A picture in a batch: its row there, or why it has none. */
interface Place {
  readonly index: number;
  readonly image: ImageLike;
  readonly row?: number;
  readonly error?: unknown;
}

interface Running {
  readonly places: readonly Place[];
  readonly batch: PictureBatch | undefined;
  isDone: boolean;
}

/**
 * Runs a tower on pictures, in their order. Ending the iteration early stops everything and frees what it took.
 *
 * @throws ArgumentError for wrong options or no list; what `onError` would be given, where that is absent; the signal's
 * reason when it was aborted, at once.
 */
export async function* encodePictures(
  tower: PictureTower,
  source: ImageSource,
  options: EncodeImagesOptions = {},
): AsyncGenerator<EncodedPicture, void, undefined> {
  yield* new PictureStream(tower, source, options).results();
}

/** Runs a tower on all pictures of a list; a single one, with its preprocessing, is one submit. */
export async function encodeList(
  tower: PictureTower,
  list: readonly ImageLike[],
  { signal, onProgress }: ListOptions,
): Promise<EncodedPicture[]> {
  const report = (done: number) => onProgress?.({ done, total: list.length });
  if (list.length === 1) {
    const found = await encodeOne(tower, list[0] as ImageLike, signal);
    report(1);
    return [found];
  }
  const all: EncodedPicture[] = [];
  for await (const found of encodePictures(tower, list, signal && { signal })) report(all.push(found));
  return all;
}

async function encodeOne(tower: PictureTower, image: ImageLike, signal?: AbortSignal): Promise<EncodedPicture> {
  const picture = await loadImage(image, signal);
  const recipe = tower.recipe(picture);
  const size = outputSize(recipe, [picture.height, picture.width]);
  const plans = [preprocessor(tower.session, picture, recipe), tower.plan(1, size)] as const;
  const run = (step: Executor, model: Executor) =>
    model.run({}, (encoder) => encodePicture(step, picture, encoder, model.buffer("pixels")));
  return { index: 0, image, size, outputs: await tower.session.use(plans, run, signal) };
}

class PictureStream {
  readonly #options: EncodeImagesOptions;
  readonly #total: number | undefined;
  readonly #changes = new Bell();
  readonly #ahead: DecodeAhead;
  readonly #runs: PictureRuns;
  readonly #running: Running[] = [];
  /** Pictures of the batch that gathers. */
  #places: Place[] = [];
  /** An error is to be thrown at its turn: no more pictures are taken. */
  #isStopping = false;
  #done = 0;

  constructor(tower: PictureTower, source: ImageSource, options: EncodeImagesOptions) {
    const { batchSize = BATCH_SIZE, decodeAheadBytes: bytes = DECODE_AHEAD_BYTES, signal } = options;
    checkCount("batchSize", batchSize);
    checkCount("decodeAheadBytes", bytes);
    this.#options = options;
    this.#total = Array.isArray(source) ? source.length : undefined;
    this.#runs = new PictureRuns(tower, batchSize, signal);
    this.#ahead = new DecodeAhead(source, { pictures: 2 * batchSize, bytes, onChange: () => this.#changes.ring() });
  }

  async *results(): AsyncGenerator<EncodedPicture, void, undefined> {
    const { signal } = this.#options;
    const onAbort = () => this.#changes.ring();
    signal?.addEventListener("abort", onAbort);
    try {
      for (;;) {
        signal?.throwIfAborted();
        const isEnd = this.#isStopping || this.#ahead.isAtEnd;
        const [oldest] = this.#running;
        const isNothingElse = isEnd && this.#places.length === 0;
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

  async *#resultsOf({ places, batch }: Running): AsyncGenerator<EncodedPicture, void, undefined> {
    const { signal, onError, onProgress } = this.#options;
    const outputs = batch && (await abortable(batch.outputs, signal));
    this.#reportSteps();
    for (const { index, image, row, error } of places) {
      signal?.throwIfAborted();
      if (row === undefined && !onError) throw error;
      if (row === undefined) onError?.(error, { index, image });
      onProgress?.({ done: ++this.#done, total: this.#total });
      if (batch && outputs && row !== undefined) yield { index, image, size: batch.size, outputs: rowOf(outputs, row) };
    }
  }

  /** The batch is full, or there are only failures to tell of. */
  #isComplete(): boolean {
    return this.#runs.isFull || (this.#places.length > 0 && this.#runs.gathered === 0);
  }

  async #submit(): Promise<void> {
    const places = this.#places;
    const batch = this.#runs.gathered ? await this.#runs.run() : undefined;
    this.#places = [];
    const running: Running = { places, batch, isDone: !batch };
    const onDone = () => {
      running.isDone = true;
      this.#changes.ring();
    };
    batch?.outputs.then(onDone, onDone);
    this.#running.push(running);
  }

  /** Brings a picture to the GPU; one of another size than those before it begins a batch of its own. */
  async #add(picture: DecodedPicture): Promise<void> {
    const { index, image, startMs, endMs } = picture;
    this.#runs.steps.push({ lane: "decode", indices: [index], startMs, endMs });
    if ("error" in picture) return this.#fail(index, image, picture.error);
    const { pixels, bytes } = picture;
    if (!this.#runs.fits(pixels)) await this.#submit();
    try {
      await this.#runs.add(index, pixels, () => this.#ahead.release(bytes));
      this.#places.push({ index, image, row: this.#runs.gathered - 1 });
    } catch (error) {
      if (!(error instanceof LimitError)) throw error;
      this.#ahead.release(bytes);
      this.#fail(index, image, error);
    }
  }

  #fail(index: number, image: ImageLike, error: unknown): void {
    this.#places.push({ index, image, error });
    this.#isStopping ||= !this.#options.onError;
  }

  #reportSteps(): void {
    for (const step of this.#runs.steps.splice(0)) this.#options.onStep?.(step);
  }
}

/** One picture of a batch. */
function rowOf(outputs: Readonly<Record<string, NdArray>>, row: number): Record<string, NdArray> {
  const rows = Object.entries(outputs).map(
    ([
      name,
      {
        data,
        shape: [count = 1, ...rest],
      },
    ]) => {
      const length = data.length / count;
      return [name, { data: data.slice(row * length, (row + 1) * length), shape: [1, ...rest] }] as const;
    },
  );
  return Object.fromEntries(rows);
}

function checkCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new ArgumentError(`${name} is ${value}, expected a whole number from 1`);
}
