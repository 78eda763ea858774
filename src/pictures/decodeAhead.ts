// Pictures decoded ahead of their use, in the order of their source, within bounds of number and of bytes: a folder of
// any length never lies in memory as pixels.
import { ArgumentError } from "../device/errors.ts";
import { closePicture, type ImageLike, openImage, type Picture } from "../io/image/image.ts";
import { Bell } from "./bell.ts";

/** Where pictures come from, one after another: a list, a generator, an asynchronous one. */
export type ImageSource = Iterable<ImageLike> | AsyncIterable<ImageLike>;

/** A picture of the source, once it is decoded or could not be. */
export type DecodedPicture = {
  readonly index: number;
  readonly image: ImageLike;
  /** When reading and decoding began and ended, as performance.now() has it. */
  readonly startMs: number;
  readonly endMs: number;
} & ({ readonly pixels: Picture; readonly bytes: number } | { readonly error: unknown });

export interface DecodeAheadOptions {
  /** Most pictures decoded and not taken yet. */
  readonly pictures: number;
  /** Most bytes of pixels until they are released; a picture that is larger by itself comes alone. */
  readonly bytes: number;
  /** Called when a picture is ready to be taken, and at the end. */
  readonly onChange: () => void;
}

// As many as Node's pool of threads decodes at once.
const MOST_DECODING = 4;

interface Slot {
  readonly index: number;
  readonly image: ImageLike;
  decoded?: DecodedPicture;
}

export class DecodeAhead {
  /** What the source threw, in place of pictures after the last. */
  failure: { readonly error: unknown } | undefined;
  readonly #source: ImageSource;
  readonly #options: DecodeAheadOptions;
  readonly #closing = new AbortController();
  readonly #room = new Bell();
  readonly #slots: Slot[] = [];
  #decoding = 0;
  #heldBytes = 0;
  /** Of one picture: what those that are being decoded are taken for. */
  #mostBytes = 0;
  #isExhausted = false;

  constructor(source: ImageSource, options: DecodeAheadOptions) {
    checkSource(source);
    this.#source = source;
    this.#options = options;
    void this.#pull();
  }

  /** Every picture was taken. */
  get isAtEnd(): boolean {
    return this.#isExhausted && this.#slots.length === 0;
  }

  /** The next picture if it is ready; whoever takes it closes it. */
  take(): DecodedPicture | undefined {
    if (!this.#slots[0]?.decoded) return undefined;
    const { decoded } = this.#slots.shift() as Slot;
    this.#room.ring();
    return decoded;
  }

  /** The bytes of a picture that was taken are no longer in memory. */
  release(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#room.ring();
  }

  /** Nothing more is read or decoded, and the source is told so. */
  close(): void {
    this.#closing.abort();
    for (const slot of this.#slots.splice(0)) closeDecoded(slot);
    this.#room.ring();
  }

  async #pull(): Promise<void> {
    let index = 0;
    try {
      for await (const image of this.#source) {
        if (this.#closing.signal.aborted) break;
        void this.#decode(index++, image);
        while (!this.#hasRoom() && !this.#closing.signal.aborted) await this.#room.wait();
        if (this.#closing.signal.aborted) break;
      }
    } catch (error) {
      this.failure = { error };
    }
    this.#isExhausted = true;
    this.#options.onChange();
  }

  #hasRoom(): boolean {
    if (this.#slots.length >= this.#options.pictures || this.#decoding >= MOST_DECODING) return false;
    // However many bytes others still hold, what is taken next must come.
    if (this.#slots.length === 0) return true;
    // The first one comes alone: a small file may be of any size, and so may four.
    if (this.#mostBytes === 0 && this.#decoding > 0) return false;
    return this.#heldBytes + (this.#decoding + 1) * this.#mostBytes <= this.#options.bytes;
  }

  async #decode(index: number, image: ImageLike): Promise<void> {
    const slot: Slot = { index, image };
    this.#slots.push(slot);
    this.#decoding++;
    const startMs = performance.now();
    const pixels = await this.#load(image).catch((error: unknown) => ({ error }));
    slot.decoded = { index, image, startMs, endMs: performance.now(), ...pixels };
    this.#decoding--;
    if (this.#closing.signal.aborted) return closeDecoded(slot);
    this.#options.onChange();
    this.#room.ring();
  }

  async #load(image: ImageLike): Promise<{ pixels: Picture; bytes: number }> {
    const pixels = await openImage(image, this.#closing.signal);
    const bytes = pixels.width * pixels.height * 4;
    this.#heldBytes += bytes;
    this.#mostBytes = Math.max(this.#mostBytes, bytes);
    return { pixels, bytes };
  }
}

function closeDecoded({ decoded }: Slot): void {
  if (decoded && "pixels" in decoded) closePicture(decoded.pixels);
}

/** A path or bytes could be iterated over too, which nobody means. */
export function checkSource(source: unknown): void {
  const isIterable =
    typeof source === "object" && source !== null && (Symbol.iterator in source || Symbol.asyncIterator in source);
  if (isIterable && !ArrayBuffer.isView(source)) return;
  const got = typeof source === "string" ? "a string" : ArrayBuffer.isView(source) ? "bytes" : `${typeof source}`;
  throw new ArgumentError(
    `encodeImages got ${got}, expected pictures to iterate over, as a list or a generator: ` +
      "encodeImage takes a single one",
  );
}
