// The photos of the page, and what each model makes of them: going back to a model costs nothing, nor does coming back
// to the page, where the browser keeps them.
import { ExactSearch } from "../../../src/search.ts";
import { smallPicture } from "../shell/thumbnails.ts";
import { PhotoRows } from "./photoRows.ts";
import type { Remembered } from "./remembered.ts";

export interface Photo {
  readonly id: number;
  readonly name: string;
  /** Path and size, by which the file is known again. */
  readonly key: string;
  /** The file, or what was kept of it. */
  picture: Blob;
  /** A small picture, once one was made. */
  small?: Blob;
  /** The browser keeps it, or is about to. */
  isKept?: boolean;
  /** It cannot be read: why. */
  failure?: string;
}

export interface Ranked {
  readonly photo: Photo;
  /** Cosine of the angle between photo and text; -Infinity for one that the model has not seen. */
  readonly score: number;
}

/** Photos of a ranking, at most. */
const MOST_RANKED = 1024;
/** New photos are kept so many at a time. */
const KEPT_AT_ONCE = 256;

export interface PhotosEvents {
  /** Hears of each photo that cannot be read, once. */
  readonly onLeftOut: (photo: Photo) => void;
  /** The browser does not keep them: why. */
  readonly onNotKept: (error: Error) => void;
}

/** What a model makes of the photos. */
interface OfModel {
  readonly rows: PhotoRows;
  readonly search: ExactSearch;
}

export class Photos {
  readonly #byId = new Map<number, Photo>();
  readonly #byKey = new Map<string, Photo>();
  readonly #models = new Map<string, Promise<OfModel>>();
  readonly #events: PhotosEvents;
  #remembered: Remembered | undefined;
  /** Photos that were embedded and are not kept yet. */
  #fresh: Photo[] = [];
  #lastId = 0;

  constructor(events: PhotosEvents) {
    this.#events = events;
  }

  get list(): Photo[] {
    return [...this.#byId.values()];
  }

  get count(): number {
    return this.#byId.size;
  }

  /** Bytes that the browser keeps of them. */
  get bytes(): number {
    return this.#remembered?.bytes ?? 0;
  }

  /** Takes the photos of earlier visits; gives how many there are. */
  async remember(remembered: Remembered): Promise<number> {
    const photos = await remembered.photos();
    this.#remembered = remembered;
    for (const photo of photos) this.#keep({ ...photo, small: photo.picture, isKept: true });
    return photos.length;
  }

  /** Adds files, those that are there already left out, and gives the new ones. */
  add(files: readonly File[]): Photo[] {
    const fresh: Photo[] = [];
    for (const file of files) {
      const key = `${file.webkitRelativePath || file.name} ${file.size}`;
      const known = this.#byKey.get(key);
      if (known)
        known.picture = file; // of an earlier visit there is only the small picture
      else fresh.push(this.#keep({ id: this.#lastId + 1, name: file.name, key, picture: file }));
    }
    return fresh;
  }

  /** Forgets all photos, those that the browser keeps too. */
  async clear(): Promise<void> {
    this.#byId.clear();
    this.#byKey.clear();
    this.#fresh = [];
    const models = [...this.#models.values()];
    this.#models.clear();
    for (const model of models) (await model.catch(() => undefined))?.search.dispose();
    await this.#remembered?.clear();
  }

  /** The photo cannot be read, says whoever tried first: the thumbnail's decoder or the model's. */
  leaveOut(photo: Photo, failure: string): void {
    if (photo.failure !== undefined) return;
    photo.failure = failure;
    this.#events.onLeftOut(photo);
  }

  /** Loads what is kept of a model's embeddings. */
  async open(model: string, channels: number): Promise<void> {
    const opening = this.#models.get(model) ?? this.#open(model, channels);
    this.#models.set(model, opening);
    await opening;
  }

  async embedding(model: string, photo: Photo): Promise<Float32Array | undefined> {
    return (await this.#models.get(model))?.rows.embedding(photo.id);
  }

  /** Takes the embedding of a photo. */
  async embedded(model: string, photo: Photo, embedding: Float32Array): Promise<void> {
    if (this.#byId.get(photo.id) !== photo) return; // cleared meanwhile
    await this.open(model, embedding.length);
    const { rows } = (await this.#models.get(model)) as OfModel;
    if (!rows.has(photo.id)) rows.add(photo.id, embedding);
    if (this.#remembered && !photo.isKept) this.#fresh.push(photo);
    photo.isKept = true;
    if (this.#fresh.length >= KEPT_AT_ONCE) await this.flush();
  }

  /** Has the browser keep what is new. Where it has no room the photos last as long as the page. */
  async flush(): Promise<void> {
    try {
      await this.#write();
    } catch (error) {
      this.#remembered = undefined;
      this.#events.onNotKept(error as Error);
    }
  }

  async #write(): Promise<void> {
    const fresh = this.#fresh.splice(0);
    const small: Photo[] = [];
    for (const photo of fresh) {
      photo.small ??= await smallPicture(photo.picture).catch(() => undefined);
      if (photo.small) small.push(photo);
    }
    const kept = small.map(({ id, name, key, small: picture }) => ({ id, name, key, picture: picture as Blob }));
    await this.#remembered?.add(kept);
    for (const model of this.#models.values()) await (await model).rows.flush();
  }

  /** What this model has not seen yet. */
  async missing(model: string): Promise<Photo[]> {
    const rows = (await this.#models.get(model))?.rows;
    return this.list.filter(({ id, failure }) => failure === undefined && !rows?.has(id));
  }

  /** The best, best first; of few photos all, those without an embedding last. */
  async rank(model: string, text: Float32Array, signal?: AbortSignal): Promise<Ranked[]> {
    const ofModel = await this.#models.get(model);
    if (!ofModel) return [];
    const { rows, search } = ofModel;
    const query = { data: text, shape: [1, text.length] };
    const [found = []] = await search.search(query, { k: MOST_RANKED, ...(signal && { signal }) });
    const order = found.flatMap(({ index, score }) => {
      const photo = this.#byId.get(rows.idOf(index) ?? 0);
      return photo ? [{ photo, score }] : [];
    });
    if (this.count > MOST_RANKED) return order;
    const others = this.list.filter(({ id }) => !rows.has(id));
    return [...order, ...others.map((photo) => ({ photo, score: Number.NEGATIVE_INFINITY }))];
  }

  async #open(model: string, channels: number): Promise<OfModel> {
    const rows = (await this.#remembered?.rows(model, channels)) ?? (await PhotoRows.open(channels));
    return { rows, search: await ExactSearch.open(rows) };
  }

  #keep(photo: Photo): Photo {
    this.#byId.set(photo.id, photo);
    this.#byKey.set(photo.key, photo);
    this.#lastId = Math.max(this.#lastId, photo.id);
    return photo;
  }
}
