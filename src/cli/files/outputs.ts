// Where a command's files go: checked before any work is done, and each written whole.
import { existsSync, statSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import type { RgbaImage } from "../../io/image/image.ts";
import { png } from "../draw/drawing.ts";
import { UsageError } from "../failure.ts";
import { EXTENSIONS } from "./pictures.ts";
import { writeWhole, writeWholeInFolder } from "./writeWhole.ts";

const PICTURE = ".png";

/** Throws UsageError unless a file of one of these extensions can be made there. */
export function checkFileOut(out: string, extensions: readonly string[]): void {
  if (!extensions.includes(extname(out).toLowerCase()))
    throw new UsageError(`--out ${out} must end in ${extensions.join(", ")}`);
  checkParent(out);
}

/** Throws UsageError unless `out` is a .png that can be made, or a folder that is there or can be made. */
export function checkPicturesOut(out: string): void {
  checkParent(out);
  if (isFile(out)) return;
  if (EXTENSIONS.includes(extname(out).toLowerCase()))
    throw new UsageError(`--out ${out} must end in ${PICTURE} or be a folder`);
  if (statSync(out, { throwIfNoEntry: false })?.isDirectory() === false)
    throw new UsageError(`--out ${out} is a file, expected a folder or a ${PICTURE}`);
}

function checkParent(out: string): void {
  if (!existsSync(dirname(out))) throw new UsageError(`--out ${out}: there is no folder ${dirname(out)}`);
}

/** Whether `out` is one picture, and not a folder of them. */
export function isFile(out: string): boolean {
  return extname(out).toLowerCase() === PICTURE;
}

/** Writes a picture. */
export async function writePicture(path: string, picture: RgbaImage): Promise<void> {
  await writeWhole(path, await png(picture));
}

/** Writes pictures by name into a folder, made when it is not there; all are encoded before the first is written. */
export async function writePictures(folder: string, pictures: ReadonlyMap<string, RgbaImage>): Promise<string[]> {
  const files: [string, Uint8Array][] = [];
  for (const [name, picture] of pictures) files.push([join(folder, `${name}${PICTURE}`), await png(picture)]);
  for (const [path, bytes] of files) await writeWholeInFolder(path, bytes);
  return files.map(([path]) => path);
}

/** A name for what is made of each picture: that of its file, with a number where two are alike. */
export function stems(paths: readonly string[]): string[] {
  const taken = new Set<string>();
  return paths.map((path) => {
    const stem = basename(path.replace(/[?#].*$/, ""), extname(path.replace(/[?#].*$/, ""))) || "picture";
    let name = stem;
    for (let i = 2; taken.has(name); i++) name = `${stem}-${i}`;
    taken.add(name);
    return name;
  });
}
