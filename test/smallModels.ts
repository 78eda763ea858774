// The weights of the small models in test/golden, which no checkout holds: made from their manifests, beside them,
// before the first test. Git ignores them.
import { existsSync } from "node:fs";
import { readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeSeeded } from "../scripts/seeded.ts";
import type { SeededRow } from "../src/check/seeded.ts";

const GOLDEN = "test/golden";

/** Writes the files that are missing or not what their manifest says; other processes may do so at the same time. */
export async function makeSmallModels(): Promise<void> {
  for (const name of (await readdir(GOLDEN)).filter((name) => name.startsWith("small-"))) {
    const folder = join(GOLDEN, name);
    const isOpenClip = existsSync(join(folder, "open_clip_config.json"));
    const path = join(folder, isOpenClip ? "open_clip_model.safetensors" : "model.safetensors");
    const rows = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as SeededRow[];
    const written = `${path}.${process.pid}`;
    await writeSeeded(rows, written);
    const isThere = existsSync(path) && (await readFile(path)).equals(await readFile(written));
    await (isThere ? rm(written) : rename(written, path));
  }
}

/** Run by vitest before the first test. */
export { makeSmallModels as setup };
