// What the page keeps of photos between visits, in this browser's own files (OPFS): a small picture of each, its name,
// and its embeddings (photoRows.ts). One page at a time holds it; others forget theirs when they close.
import { PhotoRows } from "./photoRows.ts";

/** A photo of an earlier visit. */
export interface RememberedPhoto {
  readonly id: number;
  readonly name: string;
  /** Path and size, by which the file is known again. */
  readonly key: string;
  /** A JPEG of a few kilobytes. */
  readonly picture: Blob;
}

/** What a file says of its photos before their pictures. */
type Entry = Omit<RememberedPhoto, "picture"> & { readonly bytes: number };

const FOLDER = "search";
const PHOTOS = "photos";
const LOCK_MS = 1000;

export class Remembered {
  readonly #root: FileSystemDirectoryHandle;
  #folder: FileSystemDirectoryHandle;
  #files = 0;
  #bytes = 0;
  readonly #rows: PhotoRows[] = [];

  private constructor(root: FileSystemDirectoryHandle, folder: FileSystemDirectoryHandle) {
    this.#root = root;
    this.#folder = folder;
  }

  /** Undefined where the browser has no such files, or another page holds them. */
  static async open(): Promise<Remembered | undefined> {
    if (!("locks" in navigator) || !("createWritable" in FileSystemFileHandle.prototype)) return undefined;
    if (!(await isOurs())) return undefined;
    const root = await navigator.storage.getDirectory();
    return new Remembered(root, await root.getDirectoryHandle(FOLDER, { create: true }));
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#rows.reduce((sum, rows) => sum + rows.bytes, this.#bytes);
  }

  /** The photos of earlier visits. */
  async photos(): Promise<RememberedPhoto[]> {
    const folder = await this.#photosFolder();
    const photos: RememberedPhoto[] = [];
    for (;;) {
      const handle = await folder.getFileHandle(nameOf(this.#files)).catch(() => undefined);
      const file = await handle?.getFile();
      if (!file || file.size === 0) return photos;
      photos.push(...(await photosOf(file)));
      this.#files++;
      this.#bytes += file.size;
    }
  }

  /** Keeps photos. */
  async add(photos: readonly RememberedPhoto[]): Promise<void> {
    if (photos.length === 0) return;
    const entries: Entry[] = photos.map(({ picture, ...entry }) => ({ ...entry, bytes: picture.size }));
    const head = new TextEncoder().encode(JSON.stringify(entries));
    const file = new Blob([Uint32Array.of(head.length), head, ...photos.map(({ picture }) => picture)]);
    const handle = await (await this.#photosFolder()).getFileHandle(nameOf(this.#files), { create: true });
    const writable = await handle.createWritable();
    await writable.write(file);
    await writable.close();
    this.#files++;
    this.#bytes += file.size;
  }

  /** A model's embeddings. */
  async rows(model: string, channels: number): Promise<PhotoRows> {
    const name = `model ${model} ${channels}`.replace(/[^\w.-]+/g, "-");
    const rows = await PhotoRows.open(channels, await this.#folder.getDirectoryHandle(name, { create: true }));
    this.#rows.push(rows);
    return rows;
  }

  /** Forgets all of it. */
  async clear(): Promise<void> {
    await this.#root.removeEntry(FOLDER, { recursive: true });
    this.#folder = await this.#root.getDirectoryHandle(FOLDER, { create: true });
    this.#rows.length = 0;
    this.#files = 0;
    this.#bytes = 0;
  }

  #photosFolder(): Promise<FileSystemDirectoryHandle> {
    return this.#folder.getDirectoryHandle(PHOTOS, { create: true });
  }
}

/** Whether this page may hold them: a page that is loaded again waits for the one that it was. */
function isOurs(): Promise<boolean> {
  return new Promise((resolve) => {
    const held = () => {
      resolve(true);
      return new Promise(() => {}); // until the page goes
    };
    const signal = AbortSignal.timeout(LOCK_MS);
    navigator.locks.request("webgpu-vision search", { signal }, held).catch(() => resolve(false));
  });
}

function nameOf(index: number): string {
  return `${String(index).padStart(6, "0")}.photos`;
}

/** The pictures stay on the disk until they are shown. */
async function photosOf(file: File): Promise<RememberedPhoto[]> {
  const [length = 0] = new Uint32Array(await file.slice(0, 4).arrayBuffer());
  const entries: Entry[] = JSON.parse(await file.slice(4, 4 + length).text());
  let at = 4 + length;
  return entries.map(({ bytes, ...entry }) => {
    const picture = file.slice(at, at + bytes, "image/jpeg");
    at += bytes;
    return { ...entry, picture };
  });
}
