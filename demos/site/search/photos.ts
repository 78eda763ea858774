// The photos of the page and their embeddings, which are kept as long as the page is open: for each model, so that
// going back to one costs nothing.

export interface Photo {
  readonly id: number;
  readonly name: string;
  readonly file: File;
  /** It cannot be read: why. */
  failure?: string;
}

export interface Ranked {
  readonly photo: Photo;
  /** Cosine of the angle between photo and text. */
  readonly score: number;
}

export class Photos {
  readonly list: Photo[] = [];
  readonly #seen = new Set<string>();
  readonly #embeds = new Map<string, Map<number, Float32Array>>();
  readonly #onLeftOut: (photo: Photo) => void;

  /** `onLeftOut` hears of each photo that cannot be read, once. */
  constructor(onLeftOut: (photo: Photo) => void) {
    this.#onLeftOut = onLeftOut;
  }

  /** Adds files, those that are there already left out, and gives the new ones. */
  add(files: readonly File[]): Photo[] {
    const fresh: Photo[] = [];
    for (const file of files) {
      const key = `${file.webkitRelativePath || file.name} ${file.size}`;
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      fresh.push({ id: this.list.length + fresh.length + 1, name: file.name, file });
    }
    this.list.push(...fresh);
    return fresh;
  }

  clear(): void {
    this.list.length = 0;
    this.#seen.clear();
    this.#embeds.clear();
  }

  /** The photo cannot be read, says whoever tried first: the thumbnail's decoder or the model's. */
  leaveOut(photo: Photo, failure: string): void {
    if (photo.failure !== undefined) return;
    photo.failure = failure;
    this.#onLeftOut(photo);
  }

  embedding(model: string, photo: Photo): Float32Array | undefined {
    return this.#embeds.get(model)?.get(photo.id);
  }

  keep(model: string, photo: Photo, embedding: Float32Array): void {
    const kept = this.#embeds.get(model) ?? new Map<number, Float32Array>();
    this.#embeds.set(model, kept.set(photo.id, embedding));
  }

  /** What this model has not seen yet. */
  missing(model: string): Photo[] {
    return this.list.filter((photo) => photo.failure === undefined && !this.embedding(model, photo));
  }

  /** Best first; photos without an embedding come last. */
  rank(model: string, text: Float32Array): Ranked[] {
    const scored = this.list.map((photo) => {
      const embedding = this.embedding(model, photo);
      return { photo, score: embedding ? dot(embedding, text) : Number.NEGATIVE_INFINITY };
    });
    return scored.sort((a, b) => b.score - a.score);
  }
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
