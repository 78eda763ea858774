// A COCO dataset on the disk, written picture by picture, so that masks of many pictures need no memory. What a run
// before this one left in it is kept.
import { type FileHandle, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { VisionError } from "../../device/errors.ts";
import {
  type CocoAnnotation,
  type CocoCategory,
  type CocoDataset,
  type CocoImage,
  cocoAnnotation,
  cocoCategories,
  cocoImage,
  cocoInfo,
  type PictureToExport,
} from "../../masks/cocoDataset.ts";
import { UsageError } from "../failure.ts";

const CONTRIBUTOR = "webgpu-vision";

export interface CocoFileOptions {
  readonly description: string;
  /** Leave out what is there. */
  readonly isNew: boolean;
  /** What masks show; "object" when absent. */
  readonly categories?: readonly string[];
}

export class CocoFile {
  readonly path: string;
  readonly #partial: string;
  readonly #description: string;
  readonly #categories: readonly CocoCategory[];
  readonly #images: CocoImage[] = [];
  /** Of the run before, until they are written again. */
  #before: readonly CocoAnnotation[] = [];
  #annotations = 0;
  #file: FileHandle | undefined;
  /** Something was written by halves. */
  #isTorn = false;

  private constructor(path: string, { description, categories }: CocoFileOptions) {
    this.path = path;
    this.#categories = cocoCategories(categories);
    this.#partial = `${path}.${process.pid}.partial`;
    this.#description = description;
  }

  /**
   * Reads what is there, unless it is to be made anew; nothing is written before a picture is added.
   *
   * @throws UsageError where another program's file is in the way.
   */
  static async open(path: string, options: CocoFileOptions): Promise<CocoFile> {
    const file = new CocoFile(path, options);
    const before = options.isNew ? undefined : await readBefore(path);
    if (before) {
      file.#images.push(...before.images);
      file.#before = before.annotations;
    }
    return file;
  }

  has(fileName: string): boolean {
    return this.#images.some(({ file_name }) => file_name === fileName);
  }

  async add({ masks, ...picture }: PictureToExport): Promise<void> {
    const file = await this.#begun();
    const image = cocoImage(picture, this.#images.length + 1);
    this.#isTorn = true;
    const texts = masks.map((mask, i) => {
      const { id } = this.#categories.find(({ name }) => name === mask.category) ?? {};
      return JSON.stringify(cocoAnnotation(mask, image, this.#annotations + 1 + i, id));
    });
    if (texts.length) await file.appendFile(`${this.#annotations ? ",\n" : ""}${texts.join(",\n")}`);
    this.#annotations += texts.length;
    this.#images.push(image);
    this.#isTorn = false;
  }

  /** Ends the file and puts it in its place, where a picture was added. */
  async close(): Promise<void> {
    const file = this.#file;
    if (!file) return;
    this.#file = undefined;
    try {
      if (!this.#isTorn) await file.appendFile(`\n],"images":${JSON.stringify(this.#images)}}\n`);
      await file.close();
      if (!this.#isTorn) return await rename(this.#partial, this.path);
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      throw new VisionError(`${this.path} cannot be written (${code ?? message})`, { cause });
    } finally {
      await rm(this.#partial, { force: true });
    }
  }

  async #begun(): Promise<FileHandle> {
    if (this.#file) return this.#file;
    await mkdir(dirname(this.path), { recursive: true });
    this.#file = await open(this.#partial, "w");
    const info = cocoInfo({ description: this.#description, contributor: CONTRIBUTOR });
    const head = JSON.stringify({ info, licenses: [], categories: this.#categories }).slice(0, -1);
    const before = this.#before.map((annotation) => JSON.stringify(annotation));
    await this.#file.appendFile(`${head},"annotations":[\n${before.join(",\n")}`);
    this.#annotations = before.length;
    this.#before = [];
    return this.#file;
  }
}

async function readBefore(path: string): Promise<CocoDataset | undefined> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw new VisionError(`${path} cannot be read (${cause.code})`, { cause });
  });
  if (text === undefined) return undefined;
  try {
    const dataset = JSON.parse(text) as CocoDataset;
    if (dataset.info.contributor === CONTRIBUTOR && dataset.images && dataset.annotations) return dataset;
  } catch {
    // Said below.
  }
  throw new UsageError(
    `${path} is there already, and not by this command: name another folder by --out, or --force to write over it`,
  );
}
