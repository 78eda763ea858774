// The file of tuned variants, for Node and Deno. Browsers never load this module: it is imported dynamically.
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

function path(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "webgpu-vision", "tuning.json");
}

export const tuningFile = {
  read: () => readFile(path(), "utf8").catch(() => undefined),
  /** Whole or not at all: another process may read meanwhile. */
  write: async (text: string): Promise<void> => {
    const file = path();
    await mkdir(dirname(file), { recursive: true });
    const temporary = `${file}.${randomUUID()}`;
    await writeFile(temporary, text);
    await rename(temporary, file);
  },
};
