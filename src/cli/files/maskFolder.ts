// The folder that `masks` fills for a picture, as segment-anything's scripts/amg.py does: a PNG for each mask, and
// metadata.csv, which is written last: where it is, the folder is whole.
import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { VisionError } from "../../device/errors.ts";

export const METADATA = "metadata.csv";

const OURS = /^(\d+\.png|metadata\.csv)(\.\d+\.partial)?$/;

/** Whether a run before this one filled the folder. */
export function isWhole(folder: string): boolean {
  return existsSync(join(folder, METADATA));
}

/** A name in the folder that is not of `masks`: somebody else's folder is not written into. */
export async function strangerIn(folder: string): Promise<string | undefined> {
  return (await namesIn(folder)).find((name) => !OURS.test(name));
}

/** Removes what an earlier run left, and nothing else. */
export async function emptyMaskFolder(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) if (OURS.test(name)) await rm(join(folder, name));
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return [];
    throw new VisionError(
      cause.code === "ENOTDIR" ? `${folder} is a file, expected a folder` : `${folder} cannot be read (${cause.code})`,
      { cause },
    );
  });
}
