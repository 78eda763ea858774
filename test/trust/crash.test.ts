// Programs that are killed (SIGKILL) at random moments, while they download a model or keep embeddings, and started
// again: what was whole stays, nothing is mixed, and nothing is left over. CI kills a few; TRUST=all kills hundreds.
import { createHash } from "node:crypto";
import { lutimes, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect, it, vi } from "vitest";
import { bundleForNode } from "../../scripts/bundle.mjs";
import { EmbeddingCache } from "../../src/cli/files/embeddingCache.ts";
import { VisionError } from "../../src/device/errors.ts";
import { random } from "../../src/device/random.ts";
import { openCheckpoint, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { openSource } from "../../src/io/source/openSource.ts";
import { home, hub, json, useHub } from "../io/hubHome.ts";
import type { Fault } from "../io/hubServer.ts";
import { type Ended, type Moment, runAndKill } from "./killed/kill.ts";
import { embeddingOf, PICTURES } from "./killed/pictures.ts";

const ROUNDS = process.env.TRUST === "all" ? 300 : 4;
const AN_HOUR = 3_600_000;
const LOAD = "test/trust/killed/load.ts";
const KEEP = "test/trust/killed/keep.ts";

useHub();

/** A model of which every file says the same number. */
function publish(version: number): void {
  hub.files.set("config.json", json({ version }));
  hub.files.set("preprocessor_config.json", json({ version }));
  const data = new Uint8Array(1 << 20).fill(version);
  hub.files.set("model.safetensors", writeSafetensors({ version: { dtype: "U8", shape: [data.length], data } }));
  const siblings = [...hub.files.keys()].map((rfilename) => ({ rfilename }));
  hub.api.set(`revision/${hub.commit}`, { siblings });
}

/** How the server behaves while a program downloads. */
const FAULTS: readonly (() => Fault)[] = [
  () => ({ slowMs: 2 }),
  () => ({ slowMs: 2, cutOnceAt: 300_000 }),
  () => ({ slowMs: 1, status: 503, times: 1 }),
];

/** A moment between the first and the last line of a program. */
function momentOf({ lines }: Ended, draw: () => number): Moment {
  return { lines: 1 + Math.floor(draw() * (lines.length - 1)), ms: draw() * 5 };
}

/** What the cache gives without the network: the version that all files have, or an error of ours. */
async function offline(cache: string): Promise<unknown> {
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  try {
    const source = await openSource(hub.id, { cache });
    const config = (await source.json("config.json")) as { version: number } | undefined;
    const processor = (await source.json("preprocessor_config.json")) as { version: number } | undefined;
    const checkpoint = await openCheckpoint(source);
    const weights = await checkpoint.tensors.get("version")?.read();
    await checkpoint.close();
    return [config?.version, processor?.version, weights?.[0]];
  } catch (error) {
    if (!(error instanceof VisionError)) throw error;
    return error;
  } finally {
    vi.stubEnv("HF_HUB_OFFLINE", "");
  }
}

/** Paths of files below a folder. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}

it("downloads", { timeout: 3 * AN_HOUR }, async () => {
  const script = await bundleForNode(LOAD);
  const draw = random(2);
  const counts = { killed: 0, whole: 0 };
  publish(0);
  hub.faults.set("model.safetensors", { slowMs: 2 });
  const whole = await runAndKill(script, [hub.id, join(home, "cache")]);
  for (let version = 1; version <= ROUNDS; version++) {
    publish(version % 256);
    const cache = join(home, `cache${version}`);
    const expected = [version % 256, version % 256, version % 256];
    for (let start = 0; start < 2; start++) {
      hub.faults.set("model.safetensors", (FAULTS[Math.floor(draw() * FAULTS.length)] as () => Fault)());
      // Two at once, of which each may be killed, or be done before that.
      const programs = await Promise.all([0, 1].map(() => runAndKill(script, [hub.id, cache], momentOf(whole, draw))));
      for (const { wasKilled, lines, errors } of programs) {
        counts[wasKilled ? "killed" : "whole"]++;
        if (!wasKilled) expect([lines.at(-1), errors]).toEqual([JSON.stringify(expected), ""]);
      }
      const embedding = await offline(cache);
      if (!(embedding instanceof VisionError)) expect(embedding).toEqual(expected);
    }
    hub.faults.clear();
    // What a killed program has left is as old as if it was killed an hour ago: it is not taken for one at work.
    const past = (Date.now() - AN_HOUR) / 1000;
    for (const file of await filesIn(cache)) await lutimes(file, past, past);
    const last = await runAndKill(script, [hub.id, cache]);
    expect([last.lines.at(-1), last.errors]).toEqual([JSON.stringify(expected), ""]);
    expect(await leftIn(cache)).toEqual([]);
    await rm(cache, { recursive: true });
  }
  console.log(`killed while they download: ${counts.whole} right, ${counts.killed} told`);
  expect(counts.killed).toBeGreaterThan(0);
});

/** What does not belong into a cache with one whole model, and what is not what its name says. */
async function leftIn(cache: string): Promise<string[]> {
  const left: string[] = [];
  for (const file of await filesIn(cache)) {
    const [, folder = "", rest = ""] = /models--owner--tiny-clip\/([^/]+)\/(.*)$/.exec(file) ?? [];
    const bytes = await readFile(file);
    const sum =
      rest.length === 64
        ? createHash("sha256").update(bytes).digest("hex")
        : createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
    const isRight =
      (folder === "blobs" && rest === sum) ||
      (folder === "refs" && rest === "main") ||
      (folder === ".files" && rest === hub.commit) ||
      (folder === "snapshots" && hub.files.has(basename(file)));
    if (!isRight) left.push(file);
  }
  return left;
}

it("kept embeddings", { timeout: AN_HOUR }, async () => {
  const script = await bundleForNode(KEEP);
  const draw = random(3);
  const first = await mkdtemp(join(tmpdir(), "webgpu-vision-killed-"));
  const uninterrupted = await runAndKill(script, [first]);
  await rm(first, { recursive: true });
  let killed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const root = await mkdtemp(join(tmpdir(), "webgpu-vision-killed-"));
    let safe = 0;
    for (let start = 0; start < 2; start++) {
      const { wasKilled, lines } = await runAndKill(script, [root], momentOf(uninterrupted, draw));
      if (wasKilled) killed++;
      safe = Math.max(safe, Number(lines.at(-1) ?? 0));
      const cache = new EmbeddingCache(root, "model f32");
      for (const [i, picture] of PICTURES.entries()) {
        const kept = await cache.get(picture);
        if (kept || i < safe) expect(kept, `${i} of ${safe}`).toEqual(embeddingOf(picture));
      }
    }
    const last = await runAndKill(script, [root]);
    expect([last.lines.at(-1), last.errors]).toEqual([String(PICTURES.length), ""]);
    expect((await readdir(root)).filter((name) => !/^[0-9a-f]{32}\.safetensors$/.test(name))).toEqual([]);
    const cache = new EmbeddingCache(root, "model f32");
    for (const picture of PICTURES) expect(await cache.get(picture)).toEqual(embeddingOf(picture));
    await rm(root, { recursive: true });
  }
  const whole = 2 * ROUNDS - killed;
  console.log(`killed while they keep embeddings: ${whole} right, ${killed} told`);
  expect(killed).toBeGreaterThan(0);
});
