// What the model says of pictures, kept as long as the model is. One piece of work at a time: a newer one takes the
// place of an older one, whose pictures are done already all the same.
import type { Dino, DinoFeatures, NdArray } from "../engine.ts";
import { isAbort, note } from "../shell/messages.ts";
import { Progress } from "../shell/progress.ts";
import { recovering } from "../shell/recover.ts";
import type { Picture } from "./pictures.ts";

/** Dense features kept: those of a picture in small patches are several megabytes. */
const MOST_KEPT = 24;

export class Features {
  readonly progress = new Progress("Stop");
  /** Patches along the shorter edge. */
  detail = 16;
  readonly #dense = new Map<string, DinoFeatures>();
  readonly #whole = new Map<string, NdArray>();
  readonly #goOn: () => void;
  #dino: Dino | undefined;
  #turn = 0;
  #abort: AbortController | undefined;

  /** `goOn` repeats work that the visitor stopped. */
  constructor(goOn: () => void) {
    this.#goOn = goOn;
  }

  /** A model is ready; what the one before it said is forgotten. */
  useModel(dino: Dino): void {
    this.stop();
    this.#dino = dino;
    this.#dense.clear();
    this.#whole.clear();
    this.detail = suggestedDetail(dino);
  }

  /** Whether the model attends: a ResNet does not. */
  get hasAttention(): boolean {
    return this.#dino !== undefined && this.#dino.config.model_type !== "resnet";
  }

  /** Blocks of the transformer; 0 for a ResNet. */
  get layers(): number {
    const config = this.#dino?.config;
    return config && config.model_type !== "resnet" ? config.num_hidden_layers : 0;
  }

  /** Options of encodeImage for patch features. */
  options(layer = -1) {
    const size = this.detail * (this.#dino?.patchSize ?? 1);
    return { size, ...(this.hasAttention && { attention: layer }) };
  }

  /** Gives up what is under way. */
  stop(): void {
    this.#turn += 1;
    this.#abort?.abort(new DOMException("something newer is wanted", "AbortError"));
    this.progress.done();
  }

  /** Features of every patch and, of a ViT, the class token's attention in a layer; undefined when it was stopped. */
  dense(pictures: readonly Picture[], layer = -1): Promise<DinoFeatures[] | undefined> {
    const options = this.options(layer);
    const key = ({ id }: Picture) => `${id} ${JSON.stringify(options)}`;
    return this.#each(pictures, this.#dense, key, (dino, { file }, signal) => {
      for (const old of [...this.#dense.keys()].slice(0, -MOST_KEPT)) this.#dense.delete(old);
      return dino.encodeImage(file, { ...options, signal });
    });
  }

  /** The features [1, C] of whole pictures, prepared as the checkpoint says; undefined when it was stopped. */
  whole(pictures: readonly Picture[]): Promise<NdArray[] | undefined> {
    const encode = async (dino: Dino, { file }: Picture, signal: AbortSignal) => {
      return (await dino.encodeImage(file, { signal })).cls;
    };
    return this.#each(pictures, this.#whole, ({ id }) => `${id}`, encode);
  }

  async #each<T>(
    pictures: readonly Picture[],
    kept: Map<string, T>,
    key: (picture: Picture) => string,
    encode: (dino: Dino, picture: Picture, signal: AbortSignal) => Promise<T>,
  ): Promise<T[] | undefined> {
    this.stop();
    const turn = this.#turn;
    const dino = this.#dino;
    if (!dino) return undefined;
    const results = new Map(pictures.map((picture) => [picture, kept.get(key(picture))]));
    const missing = [...results.keys()].filter((picture) => results.get(picture) === undefined);
    const controller = new AbortController();
    this.#abort = controller;
    const signal =
      missing.length > 0 ? AbortSignal.any([controller.signal, this.progress.start("")]) : controller.signal;
    try {
      for (const [i, picture] of missing.entries()) {
        this.progress.update(`Looking at ${picture.name}`, missing.length > 1 ? i / missing.length : undefined);
        const value = await recovering(() => encode(dino, picture, signal));
        if (turn !== this.#turn) return undefined;
        kept.set(key(picture), value);
        results.set(picture, value);
      }
      return pictures.map((picture) => results.get(picture) as T);
    } catch (error) {
      if (turn !== this.#turn) return undefined;
      if (!isAbort(error)) throw error;
      const action = { label: "Go on", run: this.#goOn };
      note("Pictures that were not looked at yet show nothing.", { title: "Stopped", action });
      return undefined;
    } finally {
      if (turn === this.#turn) this.progress.done();
    }
  }
}

/** As many patches as show something and do not take long. */
function suggestedDetail({ config, patchSize }: Dino): number {
  if (config.model_type === "resnet") return 16;
  if (config.image_size <= 64) return 16;
  return patchSize <= 8 ? 40 : 30;
}
