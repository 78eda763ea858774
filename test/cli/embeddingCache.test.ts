// The cache of embeddings: what it gives back, when it does not, and that no file of it is ever half written.
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EmbeddingCache } from "../../src/cli/files/embeddingCache.ts";
import { writeSafetensors } from "../../src/io/safetensors/safetensors.ts";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "webgpu-vision-cache-"));
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

const CAT = { path: "/photos/cat.jpg", size: 10, mtimeMs: 1234.5 };
const DOG = { path: "/photos/dog.jpg", size: 20, mtimeMs: 2 };
const SHIP = { path: "/photos/sea/ship.jpg", size: 30, mtimeMs: 3 };

/** A cache with one embedding for each of these pictures, written to the disk. */
async function fill(...pictures: readonly (typeof CAT)[]): Promise<void> {
  const cache = new EmbeddingCache(root, "model f32");
  for (const picture of pictures) await cache.put(picture, Float32Array.of(picture.size, 0.1));
  await cache.save();
}

it("gives back what was kept, in another process too, for the same picture alone", async () => {
  await fill(CAT, DOG, SHIP);
  const cache = new EmbeddingCache(root, "model f32");
  expect(await cache.get(CAT)).toEqual(Float32Array.of(10, 0.1));
  expect(await cache.get(SHIP)).toEqual(Float32Array.of(30, 0.1));
  expect(await cache.get({ ...DOG, mtimeMs: 2.5 })).toBeUndefined();
  expect(await cache.get({ ...DOG, size: 21 })).toBeUndefined();
  expect(await cache.get({ ...CAT, path: "/photos/sea/cat.jpg" })).toBeUndefined();
});

it("keeps the embeddings of another model apart", async () => {
  await fill(CAT);
  expect(await new EmbeddingCache(root, "model f16").get(CAT)).toBeUndefined();
});

it("forgets pictures that were not asked for", async () => {
  await fill(CAT, DOG);
  const second = new EmbeddingCache(root, "model f32");
  await second.get(CAT);
  await second.put({ ...CAT, mtimeMs: 99 }, Float32Array.of(1, 2));
  await second.save();
  const third = new EmbeddingCache(root, "model f32");
  expect(await third.get(DOG)).toBeUndefined();
  expect(await third.get({ ...CAT, mtimeMs: 99 })).toEqual(Float32Array.of(1, 2));
});

it("takes a file that is damaged for an absent one, and writes it anew", async () => {
  await fill(CAT);
  const [name = ""] = await readdir(root);
  const path = join(root, name);
  const cacheBytes = await readFile(path);
  const headerEnd = 8 + Number(cacheBytes.readBigUInt64LE());
  const wrongCount = Buffer.from(cacheBytes.toString("latin1").replace("cat.jpg", 'a","b"]'), "latin1");
  for (const damaged of [cacheBytes.subarray(0, headerEnd + 3), Buffer.from("nonsense"), Buffer.alloc(0), wrongCount]) {
    await writeFile(path, damaged);
    expect(await new EmbeddingCache(root, "model f32").get(CAT)).toBeUndefined();
  }
  await fill(CAT);
  expect(await new EmbeddingCache(root, "model f32").get(CAT)).toEqual(Float32Array.of(10, 0.1));
});

it("takes away what a program left that was killed while it wrote, but not what another one is writing", async () => {
  await fill(CAT);
  const [name = ""] = await readdir(root);
  const { pid: ended } = spawnSync(process.execPath, ["-e", ""]);
  const alive = `${name}.${process.ppid}.partial`;
  for (const partial of [`${name}.${ended}.partial`, alive]) await writeFile(join(root, partial), "half");
  await fill(CAT, DOG);
  expect((await readdir(root)).sort()).toEqual([name, alive]);
});

it("drops a row in which a bit was flipped, or in what is told of it, and keeps the others", async () => {
  await fill(CAT, DOG);
  const [name = ""] = await readdir(root);
  const path = join(root, name);
  const whole = await readFile(path);
  const headerEnd = 8 + Number(whole.readBigUInt64LE());
  const lost = async (damaged: Buffer) => {
    await writeFile(path, damaged);
    const cache = new EmbeddingCache(root, "model f32");
    return Promise.all([CAT, DOG].map(async (picture) => (await cache.get(picture)) === undefined));
  };
  for (const [offset, bit] of [
    [headerEnd, 0],
    [headerEnd + 3, 6],
    [headerEnd + 7, 7],
  ] as const) {
    const damaged = Buffer.from(whole);
    damaged[offset] = (damaged[offset] ?? 0) ^ (1 << bit);
    expect(await lost(damaged), `bit ${bit} of byte ${offset}`).toEqual([true, false]);
  }
  const renamed = Buffer.from(whole.toString("latin1").replace("dog.jpg", "cat.jpg"), "latin1");
  expect(await lost(renamed)).toEqual([false, true]);
  const narrow = writeSafetensors(
    { image_embeds: { dtype: "F32", shape: [1, 0], data: new Float32Array(0) } },
    { folder: "/photos", pictures: JSON.stringify([["cat.jpg", CAT.size, CAT.mtimeMs, ""]]) },
  );
  expect(await lost(Buffer.from(narrow))).toEqual([true, true]);
});

it("writes one file a folder of pictures, whole or not at all, and only where something changed", async () => {
  await fill(CAT, DOG, SHIP);
  const names = await readdir(root);
  expect(names).toHaveLength(2);
  expect(names.filter((name) => !/^[0-9a-f]{32}\.safetensors$/.test(name))).toEqual([]);
  const times = async () => Promise.all(names.map(async (name) => (await stat(join(root, name))).ino));
  const before = await times();
  const cache = new EmbeddingCache(root, "model f32");
  for (const picture of [CAT, DOG, SHIP]) await cache.get(picture);
  await cache.save();
  expect(await times()).toEqual(before);
});
