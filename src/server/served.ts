// What a served model does for requests: the calls of Clip, Dino and Sam, those of many requests in one run.
import type { Clip } from "../api/clip.ts";
import type { Dino, DinoEncodeOptions, DinoFeatures } from "../api/dino.ts";
import { type LabelScore, rank } from "../api/embeddings.ts";
import type { Sam } from "../api/sam.ts";
import type { NdArray } from "../device/tensor.ts";
import type { RgbaImage } from "../io/image/image.ts";
import type { Tokenizer } from "../io/tokenizer.ts";
import { Batches, type RunBatch, type Waiting } from "./batches.ts";

/** A picture as a request brought it: encoded, and looked at (pictures.ts). */
export type Upload = Uint8Array | (RgbaImage & { readonly channels: 4 });

/** What all served models are told. */
export interface ServedOptions {
  /** Most pictures in one run of a model. */
  readonly batch: number;
  /** Told how many there are in each run, of pictures or texts. */
  readonly onBatch: (items: number) => void;
}

// Clip's own number of texts in a run.
const TEXTS_PER_RUN = 32;
/** Sets of labels whose embeddings are kept: most clients ask for the same ones again. */
const MOST_LABEL_SETS = 32;

/** CLIP for requests. */
export class ServedClip {
  readonly clip: Clip;
  readonly #tokenizer: Tokenizer | undefined;
  readonly #pictures: Batches<Upload, Float32Array>;
  readonly #texts: Batches<string, Float32Array>;
  readonly #labels = new Map<string, Promise<NdArray>>();

  constructor(clip: Clip, tokenizer: Tokenizer | undefined, { batch, onBatch }: ServedOptions) {
    this.clip = clip;
    this.#tokenizer = tokenizer;
    const run: RunBatch<Upload, Float32Array> = (waiting, signal) =>
      ofEach(
        waiting,
        (images, onError) => clip.encodeImages(images, { batchSize: batch, signal, onError }),
        ({ embedding }) => embedding,
      );
    this.#pictures = new Batches(run, { most: batch, atOnce: 2, onBatch });
    this.#texts = new Batches(
      async (waiting, signal) => {
        const { data, shape } = await clip.encodeText(
          waiting.map(({ item }) => item),
          { signal },
        );
        const columns = shape[1] as number;
        for (const [i, one] of waiting.entries()) one.resolve(data.slice(i * columns, (i + 1) * columns));
      },
      { most: TEXTS_PER_RUN, atOnce: 1, onBatch },
    );
  }

  embedPicture(picture: Upload, signal: AbortSignal): Promise<Float32Array> {
    return this.#pictures.add(picture, { signal });
  }

  embedText(text: string, signal: AbortSignal): Promise<Float32Array> {
    return this.#texts.add(text, { signal });
  }

  /** Tokens of texts, with those of start and end. */
  countTokens(texts: readonly string[]): number {
    const all = this.#tokenizer?.encode(texts) ?? [];
    return all.reduce((sum, { length }) => sum + length, 0);
  }

  /** Scores of labels for a picture, best first. */
  async classify(
    picture: Upload,
    labels: readonly string[],
    templates: readonly string[],
    signal: AbortSignal,
  ): Promise<LabelScore[]> {
    const [embedding, texts] = await Promise.all([
      this.embedPicture(picture, signal),
      this.#embedLabels(labels, templates),
    ]);
    signal.throwIfAborted();
    const logits = await this.clip.similarity({ data: embedding, shape: [1, embedding.length] }, texts);
    return rank(labels, logits.data);
  }

  #embedLabels(labels: readonly string[], templates: readonly string[]): Promise<NdArray> {
    const key = JSON.stringify([labels, templates]);
    const known = this.#labels.get(key);
    this.#labels.delete(key);
    const embedded = known ?? this.clip.encodeLabels(labels, templates);
    this.#labels.set(key, embedded); // the latest stands last
    const [oldest] = this.#labels.keys();
    if (this.#labels.size > MOST_LABEL_SETS && oldest !== undefined) this.#labels.delete(oldest);
    if (!known) embedded.catch(() => this.#labels.delete(key));
    return embedded;
  }
}

/** What a request asks of DINO. */
export type FeatureOptions = Pick<DinoEncodeOptions, "size" | "layers" | "attention">;

/** DINO for requests. */
export class ServedDino {
  readonly dino: Dino;
  readonly #pictures: Batches<{ picture: Upload; options: FeatureOptions }, DinoFeatures>;

  constructor(dino: Dino, { batch, onBatch }: ServedOptions) {
    this.dino = dino;
    const run: RunBatch<{ picture: Upload; options: FeatureOptions }, DinoFeatures> = (waiting, signal) => {
      // All of a batch have the same options: they are its key.
      const options = waiting[0]?.item.options;
      const pictures = waiting.map((one) => ({ ...one, item: one.item.picture }));
      return ofEach(
        pictures,
        (images, onError) => dino.encodeImages(images, { ...options, batchSize: batch, signal, onError }),
        ({ features }) => features,
      );
    };
    this.#pictures = new Batches(run, { most: batch, atOnce: 2, onBatch });
  }

  features(picture: Upload, options: FeatureOptions, signal: AbortSignal): Promise<DinoFeatures> {
    return this.#pictures.add({ picture, options }, { signal, key: JSON.stringify(options) });
  }
}

/** SAM for requests, which take turns: a picture is decoded, or masks are written, while the GPU has another. */
export class ServedSam {
  readonly sam: Sam;
  readonly #turns: Batches<(signal: AbortSignal) => Promise<void>, void>;

  constructor(sam: Sam, { onBatch }: ServedOptions) {
    this.sam = sam;
    this.#turns = new Batches(async ([waiting], signal) => waiting?.resolve(await waiting.item(signal)), {
      most: 1,
      atOnce: 2,
      onBatch,
    });
  }

  /** Does work when it is its turn. */
  async inTurn<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    let result: T | undefined;
    await this.#turns.add(
      async (both) => {
        result = await work(both);
      },
      { signal },
    );
    return result as T;
  }
}

/** Tells of a picture of a stream that something is wrong with it. */
type OnPictureError = (error: unknown, picture: { readonly index: number }) => void;

/** Tells each of a batch what a stream of pictures makes of it: a result, or what is wrong with this one. */
async function ofEach<Row extends { readonly index: number }, Result>(
  waiting: readonly Waiting<Upload, Result>[],
  stream: (images: readonly Upload[], onError: OnPictureError) => AsyncIterable<Row>,
  resultOf: (row: Row) => Result,
): Promise<void> {
  const images = waiting.map(({ item }) => item);
  const rows = stream(images, (error, { index }) => waiting[index]?.reject(error));
  for await (const row of rows) waiting[row.index]?.resolve(resultOf(row));
}
