// The kit for machines with a GPU and nothing else (scripts/gpuKit.mjs): what it packs runs without this repository.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "./install.ts";

const run = promisify(execFile);
const isLinux = process.platform === "linux" && process.arch === "x64";

describe.skipIf(!isLinux)(`a kit${isLinux ? "" : " (skipped: it takes Node and Dawn from x86-64 Linux)"}`, () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gpu-kit-"));
    await run(process.execPath, ["scripts/gpuKit.mjs", "--folder", join(folder, "gpu-kit")], { cwd: ROOT });
  }, 120_000);
  afterAll(() => rm(folder, { recursive: true }));

  it("tells of the adapter by its own Node, and writes what came of each part", async () => {
    const { PATH, HOME, VK_ICD_FILENAMES } = process.env;
    const env = { PATH, HOME, VK_ICD_FILENAMES, OUT: "results" };
    await run("gpu-kit/run.sh", ["info"], { cwd: folder, env });
    const parts = JSON.parse(await readFile(join(folder, "results/parts.json"), "utf8"));
    expect(parts).toMatchObject([{ part: "info", result: 0 }]);
    expect(await readFile(join(folder, "results/info.txt"), "utf8")).toMatch(/adapter/i);
  }, 60_000);

  it("has the benchmarks", async () => {
    const { stdout } = await run("./node", ["bundles/bench.mjs", "--list"], { cwd: join(folder, "gpu-kit") });
    expect(stdout).toMatch(/clip-image/);
  }, 60_000);
});
