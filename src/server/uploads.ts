// The pictures of a request: base64 in JSON, or files of a form. They are looked at before they are decoded, as a file
// of a few hundred bytes may hold billions of pixels.
import { ImageError } from "../device/errors.ts";
import { loadSharp } from "../io/image/decode.ts";
import type { ReadAddress } from "./addresses.ts";
import { RequestError } from "./failures.ts";

/** What browsers and cameras write. Rarer formats go to decoders that strangers' files should not reach. */
const FORMATS: readonly string[] = ["jpeg", "png", "webp", "avif", "heif", "gif", "tiff"];
const EXPECTED = "expected a JPEG, PNG, WebP, AVIF, GIF or TIFF";

/** Stands in the body of a form for the file of this number. */
const FILE = /^file:(\d+)$/;

/** What stands for a file in the body of a form. */
export function placeholder(index: number): string {
  return `file:${index}`;
}

export interface UploadOptions {
  /** Most pixels of a picture. */
  readonly pixels: number;
  /** Reads what a request names; absent where addresses are not allowed. */
  readonly readAddress: ReadAddress | undefined;
  /** Told of the bytes that are read so. */
  readonly hold: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** Reads the pictures of a request. */
export class Uploads {
  readonly #files: readonly Uint8Array[];
  readonly #options: UploadOptions;

  /** `files` are those of a form. */
  constructor(files: readonly Uint8Array[], options: UploadOptions) {
    this.#files = files;
    this.#options = options;
  }

  /** The bytes of the picture that a field holds; `param` names the field. */
  async picture(text: string, param: string): Promise<Uint8Array> {
    const { pixels } = this.#options;
    const bytes = /^https?:/i.test(text) ? await this.#read(text, param) : this.#bytesOf(text, param);
    const { format, width, height } = await sizeOf(bytes, param);
    if (!FORMATS.includes(format)) throw new RequestError(400, `${param} is ${format}, ${EXPECTED}`, { param });
    if (width * height > pixels) {
      const most = `${param} has ${width} x ${height} pixels, expected ${pixels} at most: make it smaller first`;
      throw new RequestError(413, most, { param });
    }
    return bytes;
  }

  #read(address: string, param: string): Promise<Uint8Array> {
    const { readAddress, hold, signal } = this.#options;
    if (readAddress) return readAddress(address, { param, take: hold, signal });
    const what = `${param} is an address: this server reads no addresses, send the picture itself`;
    throw new RequestError(400, what, { param });
  }

  #bytesOf(text: string, param: string): Uint8Array {
    const file = FILE.exec(text)?.[1];
    if (file !== undefined) {
      const bytes = this.#files[Number(file)];
      if (bytes) return bytes;
    }
    const data = /^data:[^,]*;base64,/i.exec(text.slice(0, 256));
    if (!data && /^(file|data):/i.test(text)) {
      const what = `${param} is an address: this server reads no files, send the picture itself`;
      throw new RequestError(400, what, { param });
    }
    const base64 = text.slice(data?.[0].length ?? 0);
    const bytes = Buffer.from(base64, "base64");
    // Node passes over characters that are no base64: with any of them there are fewer bytes.
    const characters = base64.length - (base64.match(/[\s=]/g)?.length ?? 0);
    if (bytes.length > 0 && bytes.length === Math.floor((characters * 3) / 4)) return bytes;
    throw new RequestError(400, `${param} is not base64: ${EXPECTED} in base64, or as a data: URL`, { param });
  }
}

async function sizeOf(bytes: Uint8Array, param: string): Promise<{ format: string; width: number; height: number }> {
  const sharp = await loadSharp();
  try {
    const { format, width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return { format, width, height };
  } catch (cause) {
    if (cause instanceof ImageError) throw cause;
    throw new RequestError(400, `${param} is no picture that can be read: ${EXPECTED}`, { param });
  }
}
