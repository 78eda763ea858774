// `search` over a folder of pictures, killed (SIGKILL) at random moments and started again: it finds what a search that
// nobody killed finds. With TRUST=all alone, as each start takes seconds; crash.test.ts has the cache itself.
import { copyFile, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { random } from "../../src/device/random.ts";
import { runCliProcess } from "../cli/runCli.ts";

const ROUNDS = 12;
const PHOTOS = ["cat", "dog", "ship", "truck", "frog", "horse"].map((name) => `demos/photos/drawn-${name}.jpg`);

it.runIf(process.env.TRUST === "all")("search", { timeout: 3_600_000 }, async () => {
  const root = await mkdtemp(join(tmpdir(), "webgpu-vision-killed-"));
  const folder = join(root, "photos");
  await mkdir(folder);
  for (let i = 0; i < 60; i++) await copyFile(PHOTOS[i % PHOTOS.length] as string, join(folder, `${i}.jpg`));
  const search = async (cache: string, killsAfterMs?: number) => {
    const stop = new AbortController();
    const timer = killsAfterMs === undefined ? undefined : setTimeout(() => stop.abort(), killsAfterMs);
    const env = { XDG_CACHE_HOME: join(root, cache) };
    const result = await runCliProcess(["search", folder, "a ship", "--json"], { env, killedBy: stop.signal });
    clearTimeout(timer);
    return { ...result, json: result.code === 0 ? JSON.parse(result.stdout) : undefined };
  };
  const draw = random(4);
  const began = performance.now();
  const { json: expected } = await search("whole");
  const wholeMs = performance.now() - began;
  const counts = { right: 0, killed: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const cache = `cache${round}`;
    for (let start = 0; start < 3; start++) {
      const { json, code, stderr } = await search(cache, (0.4 + 0.8 * draw()) * wholeMs);
      counts[json ? "right" : "killed"]++;
      if (json) expect(json.results).toEqual(expected.results);
      else expect([code, stderr]).toEqual([null, expect.not.stringContaining("Error")]);
    }
    const { json } = await search(cache);
    expect(json.results).toEqual(expected.results);
    const left = await readdir(join(root, cache, "webgpu-vision", "embeddings"));
    expect(left).toEqual([expect.stringMatching(/^[0-9a-f]{32}\.safetensors$/)]);
  }
  await rm(root, { recursive: true });
  console.log(`killed while they search: ${counts.right} right, ${counts.killed} told`);
  expect(counts.killed).toBeGreaterThan(0);
});
