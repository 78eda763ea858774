// Embeddings of pictures, kept between searches: one safetensors file for each folder of pictures, model and type. An
// entry holds as long as the picture has the same size and time of change, and its checksum is right. A cache can be
// deleted at any time, and what cannot be read of it is made again.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { readSafetensors, writeSafetensors } from "../../io/safetensors/safetensors.ts";
import type { PictureFile } from "./pictures.ts";
import { writeWholeInFolder } from "./writeWhole.ts";

interface Entry {
  readonly size: number;
  readonly mtimeMs: number;
  readonly embedding: Float32Array;
}

/** One folder of pictures, by file name. */
interface Folder {
  readonly entries: Map<string, Entry>;
  /** Names that were asked for: the others are gone from the folder and are not written again. */
  readonly asked: Set<string>;
  isChanged: boolean;
}

/** The metadata of a cache file: pictures in the order of its rows. */
type StoredEntry = readonly [name: string, size: number, mtimeMs: number, checksum: string];

export class EmbeddingCache {
  readonly #root: string;
  readonly #key: string;
  readonly #folders = new Map<string, Folder>();

  /** `key` stands for everything else that an embedding depends on: the checkpoint and the type. */
  constructor(root: string, key: string) {
    this.#root = root;
    this.#key = key;
  }

  /** The embedding of a picture; undefined when there is none of the picture as it is now. */
  async get({ path, size, mtimeMs }: PictureFile): Promise<Float32Array | undefined> {
    const folder = await this.#folder(path);
    const name = basename(path);
    folder.asked.add(name);
    const entry = folder.entries.get(name);
    return entry?.size === size && entry.mtimeMs === mtimeMs ? entry.embedding : undefined;
  }

  /** Keeps an embedding; `save` writes it. */
  async put({ path, size, mtimeMs }: PictureFile, embedding: Float32Array): Promise<void> {
    const folder = await this.#folder(path);
    folder.entries.set(basename(path), { size, mtimeMs, embedding });
    folder.asked.add(basename(path));
    folder.isChanged = true;
  }

  /** Writes the folders that have changed since they were read. */
  async save(): Promise<void> {
    for (const [path, folder] of this.#folders) {
      if (!folder.isChanged) continue;
      await writeWholeInFolder(this.#file(path), encode(path, folder));
      folder.isChanged = false;
    }
  }

  async #folder(picture: string): Promise<Folder> {
    const path = resolve(dirname(picture));
    let folder = this.#folders.get(path);
    if (!folder) {
      const entries = await decode(this.#file(path)).catch(() => new Map<string, Entry>());
      folder = { entries, asked: new Set(), isChanged: false };
      this.#folders.set(path, folder);
    }
    return folder;
  }

  #file(folder: string): string {
    const name = createHash("sha256").update(`${this.#key}\n${folder}`).digest("hex").slice(0, 32);
    return join(this.#root, `${name}.safetensors`);
  }
}

function encode(path: string, { entries, asked }: Folder): Uint8Array {
  const kept = [...entries].filter(([name]) => asked.has(name));
  const size = kept[0]?.[1].embedding.length ?? 0;
  const data = new Float32Array(kept.length * size);
  kept.forEach(([, { embedding }], row) => {
    data.set(embedding, row * size);
  });
  const pictures: StoredEntry[] = kept.map(([name, entry]) => [name, entry.size, entry.mtimeMs, checksum(name, entry)]);
  const tensors = { image_embeds: { dtype: "F32", shape: [kept.length, size], data } } as const;
  return writeSafetensors(tensors, { folder: path, pictures: JSON.stringify(pictures) });
}

/** Of all that is kept of a picture: a bit that a disk or a program flips anywhere shows. */
function checksum(name: string, { size, mtimeMs, embedding }: Entry): string {
  const bytes = new Uint8Array(embedding.buffer, embedding.byteOffset, embedding.byteLength);
  const hash = createHash("sha256")
    .update(JSON.stringify([name, size, mtimeMs]))
    .update(bytes);
  return hash.digest("hex").slice(0, 16);
}

async function decode(file: string): Promise<Map<string, Entry>> {
  const { tensors, metadata } = await readSafetensors(new Uint8Array(await readFile(file)));
  const tensor = tensors.get("image_embeds");
  const pictures = JSON.parse(metadata.pictures ?? "") as StoredEntry[];
  const [rows, columns = 0] = tensor?.shape ?? [];
  if (tensor?.dtype !== "F32" || rows !== pictures.length) throw new TypeError("not a cache of embeddings");
  const data = new Float32Array((await tensor.read()).buffer);
  const entries = new Map<string, Entry>();
  for (const [row, [name, size, mtimeMs, sum]] of pictures.entries()) {
    const entry = { size, mtimeMs, embedding: data.slice(row * columns, (row + 1) * columns) };
    if (columns > 0 && checksum(name, entry) === sum) entries.set(name, entry);
  }
  return entries;
}
