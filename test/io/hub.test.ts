// The Hub as a source, against a local server that behaves like it: downloads, the cache folder, every failure,
// cancelling.

import { access, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { InvalidFileError, NetworkError, NotFoundError } from "../../src/device/errors.ts";
import { openCheckpoint, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { openSource } from "../../src/io/source/openSource.ts";
import type { SourceOptions } from "../../src/io/source/source.ts";
import { HubServer } from "./hubServer.ts";

const MIB = 1024 * 1024;
const WEIGHTS = "model.safetensors";
const noise = Uint8Array.from({ length: 3 * MIB + 5 }, (_, i) => (i * 7 + (i >> 9)) % 253);
const weights = writeSafetensors({
  first: { dtype: "F32", shape: [2], data: new Float32Array([1, 2]) },
  noise: { dtype: "U8", shape: [noise.length], data: noise },
});

let hub: HubServer;
let cache: string;
let models: string;

beforeEach(async () => {
  hub = await HubServer.start();
  hub.files.set("config.json", new TextEncoder().encode('{"model_type":"clip"}'));
  hub.files.set(WEIGHTS, weights);
  cache = await mkdtemp(join(tmpdir(), "hub-"));
  models = join(cache, "models--owner--tiny-clip");
  vi.stubEnv("HF_ENDPOINT", hub.url);
  vi.stubEnv("HF_TOKEN", "");
  vi.stubEnv("HF_HUB_OFFLINE", "");
});

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  await hub.stop();
  await rm(cache, { recursive: true, force: true });
});

const openTiny = (options: SourceOptions = {}) => openSource(hub.id, { cache, ...options });

async function readNoise(options: SourceOptions = {}): Promise<void> {
  const checkpoint = await openCheckpoint(await openTiny(options));
  const bytes = await checkpoint.tensors.get("noise")?.read();
  expect(Buffer.from(bytes ?? []).equals(noise)).toBe(true);
  await checkpoint.close();
}

async function failureOf(options: SourceOptions = {}): Promise<Error> {
  return openTiny(options)
    .then((source) => source.open(WEIGHTS))
    .then(
      () => new Error("nothing failed"),
      (error: Error) => error,
    );
}

/** Everything in the blobs folder: complete files and leftovers. */
const blobs = () => readdir(join(models, "blobs")).catch(() => []);

describe("download and cache", () => {
  test("JSON and weights come through redirects into Python's cache layout", async () => {
    const source = await openTiny();
    expect(source.name).toBe("owner/tiny-clip@main");
    expect(await source.json("config.json")).toEqual({ model_type: "clip" });
    await readNoise();
    expect(await readFile(join(models, "refs", "main"), "utf8")).toBe(hub.commit);
    const pointer = join(models, "snapshots", hub.commit, WEIGHTS);
    const target = await readlink(pointer);
    expect(target).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect((await readFile(pointer)).equals(weights)).toBe(true);
    expect((await blobs()).map((name) => name.length).sort()).toEqual([40, 64]);
  });

  test("progress rises to the total", async () => {
    const seen: number[] = [];
    await readNoise({
      onProgress: ({ file, loaded, total }) => {
        expect([file, total]).toEqual([WEIGHTS, weights.byteLength]);
        seen.push(loaded);
      },
    });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.length).toBeGreaterThanOrEqual(4);
    expect(seen.at(-1)).toBe(weights.byteLength);
  });

  test("a second time nothing is asked, not even for files that are not there", async () => {
    const open = async () => {
      const source = await openTiny();
      expect(await source.open("tokenizer.json")).toBeUndefined();
      expect(await source.json("config.json")).toEqual({ model_type: "clip" });
      await readNoise();
    };
    await open();
    expect(hub.takePaths().length).toBeGreaterThan(0);
    await open();
    expect(hub.takePaths()).toEqual([]);
    await hub.stop();
    await open();
  });

  test("a cache that Python filled is enough", async () => {
    await mkdir(join(models, "refs"), { recursive: true });
    await mkdir(join(models, "blobs"), { recursive: true });
    await mkdir(join(models, "snapshots", hub.commit), { recursive: true });
    await writeFile(join(models, "refs", "main"), hub.commit);
    await writeFile(join(models, "blobs", "abc"), weights);
    await symlink("../../blobs/abc", join(models, "snapshots", hub.commit, WEIGHTS));
    await readNoise();
    expect(hub.takePaths()).toEqual([]);
    // The Hub is away and Python left no note that there is no such file: it was not needed then, nor is it now.
    await hub.stop();
    expect(await (await openTiny()).open("preprocessor_config.json")).toBeUndefined();
    vi.stubEnv("HF_HUB_CACHE", cache);
    await readNoise({ cache: true });
  });

  test("a commit as revision needs no ref; files missing later come from the same commit", async () => {
    await (await openTiny()).json("config.json");
    hub.takePaths();
    await readNoise({ revision: hub.commit });
    await readNoise({ revision: "main" });
    expect(new Set(hub.takePaths().filter((path) => path.includes("resolve")))).toEqual(
      new Set([`/owner/tiny-clip/resolve/${hub.commit}/${WEIGHTS}`]),
    );
    const source = await openSource(`${hub.id}@${hub.commit}`, { cache });
    expect(source.name).toBe(`${hub.id}@${hub.commit}`);
    expect(await source.json("config.json")).toEqual({ model_type: "clip" });
  });

  test("HF_HUB_OFFLINE: the cache or a clear error, and no request", async () => {
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    const error = await failureOf();
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error.message).toMatch(/model.safetensors of owner\/tiny-clip@main is not in .*HF_HUB_OFFLINE/);
    expect(hub.takePaths()).toEqual([]);
  });

  test("cache: false keeps nothing and reads the weights with one response", async () => {
    const checkpoint = await openCheckpoint(await openTiny({ cache: false }));
    for (const tensor of checkpoint.tensors.values()) for await (const _ of tensor.stream());
    await checkpoint.close();
    expect(hub.seen.filter(({ host }) => host === "cdn")).toHaveLength(1);
    expect(await readdir(cache)).toEqual([]);
  });

  test.each(["noRanges", "noCommit"] as const)("a mirror with %s is read without the cache", async (fault) => {
    hub.faults.set(WEIGHTS, { [fault]: true });
    await readNoise();
    expect(await blobs()).toEqual([]);
  });

  test("a folder that cannot be written: a warning, and the model is read all the same", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const file = join(cache, "file");
    await writeFile(file, "no folder");
    await readNoise({ cache: file });
    expect(warn.mock.calls[0]?.[0]).toMatch(/cannot be written \((ENOTDIR|EEXIST)\), so model.safetensors is not kept/);
    warn.mockRestore();
  });
});

describe("failures", () => {
  test("401: says that the model is gated or private and names HF_TOKEN; the token opens it there alone", async () => {
    hub.token = "hf_secret";
    const error = await failureOf();
    expect(error).toBeInstanceOf(NetworkError);
    expect(error.message).toMatch(/refuses model.safetensors of owner\/tiny-clip@main \(401\).*gated.*set HF_TOKEN/s);
    vi.stubEnv("HF_TOKEN", "hf_secret");
    hub.takePaths();
    await readNoise();
    for (const { host, authorization } of hub.seen)
      expect(authorization).toBe(host === "hub" ? "Bearer hf_secret" : undefined);
    vi.stubEnv("HF_TOKEN", "hf_wrong");
    await rm(models, { recursive: true });
    expect((await failureOf()).message).toMatch(/the token in use has no access/);
  });

  test("403", async () => {
    hub.faults.set(WEIGHTS, { status: 403, errorCode: "GatedRepo" });
    expect(await failureOf()).toBeInstanceOf(NetworkError);
  });

  test("404 for the model, the revision and the file", async () => {
    const model = await openSource("owner/none", { cache });
    await expect(model.open(WEIGHTS)).rejects.toThrow(NotFoundError);
    await expect(model.open(WEIGHTS)).rejects.toThrow(
      /model.safetensors of owner\/none@main: there is no model owner\/none/,
    );
    const revision = await openTiny({ revision: "v9" });
    await expect(revision.open(WEIGHTS)).rejects.toThrow(NotFoundError);
    await expect(revision.open(WEIGHTS)).rejects.toThrow(/owner\/tiny-clip has no revision "v9"/);
    hub.files.delete(WEIGHTS);
    const source = await openTiny();
    expect(await source.open(WEIGHTS)).toBeUndefined();
    await expect(openCheckpoint(source)).rejects.toThrow(NotFoundError);
    await expect(openCheckpoint(source)).rejects.toThrow(
      /owner\/tiny-clip@main has no weights: expected model.safetensors/,
    );
  });

  test.each([
    [429, /429\): too many requests/],
    [503, /503\): try again later/],
  ])("%d", async (status, message) => {
    hub.faults.set(WEIGHTS, { status });
    const error = await failureOf();
    expect(error).toBeInstanceOf(NetworkError);
    expect(error.message).toMatch(message);
  });

  test("no server there", async () => {
    await hub.stop();
    const error = await failureOf();
    expect(error).toBeInstanceOf(NetworkError);
    expect(error.message).toMatch(/cannot be reached \(ECONNREFUSED\)/);
  });

  test("cut off: an error, nothing left under the file's name, and the next try works", async () => {
    hub.faults.set(WEIGHTS, { cutAt: 2 * MIB + 100 });
    const error = await failureOf();
    expect(error).toBeInstanceOf(NetworkError);
    expect(error.message).toMatch(/was cut off/);
    expect(await blobs()).toEqual([]);
    await expect(access(join(models, "snapshots", hub.commit, WEIGHTS))).rejects.toThrow();
    hub.faults.clear();
    await readNoise();
  });

  test("cut off once: the rest is asked for, not the whole", async () => {
    hub.faults.set(WEIGHTS, { cutOnceAt: 2 * MIB + 100 });
    await readNoise();
    const ranges = hub.seen.filter(({ host }) => host === "cdn").map(({ range }) => range);
    expect(ranges).toEqual(["bytes=0-0", "bytes=0-", `bytes=${2 * MIB}-`]);
  });

  test("another length than announced", async () => {
    hub.faults.set(WEIGHTS, { statedSize: weights.byteLength + 1 });
    const error = await failureOf();
    expect(error).toBeInstanceOf(NetworkError);
    expect(error.message).toMatch(`should have ${weights.byteLength + 1} bytes, ${weights.byteLength} are sent`);
    expect(await blobs()).toEqual([]);
  });

  test("JSON that is none", async () => {
    hub.files.set("config.json", new TextEncoder().encode("{,"));
    const source = await openTiny();
    await expect(source.json("config.json")).rejects.toThrow(InvalidFileError);
    await expect(source.json("config.json")).rejects.toThrow(/config.json of owner\/tiny-clip@main is not valid JSON/);
  });
});

describe("cancelling", () => {
  test("during a slow download: the signal's reason, no partial file, and the next try works", async () => {
    hub.faults.set(WEIGHTS, { slowMs: 50 });
    const stop = new AbortController();
    const reason = new Error("changed my mind");
    const error = await failureOf({
      signal: stop.signal,
      onProgress: () => stop.abort(reason),
    });
    expect(error).toBe(reason);
    expect(await blobs()).toEqual([]);
    hub.faults.clear();
    await readNoise();
  });

  test("while the server says nothing", async () => {
    hub.faults.set("config.json", { slowMs: 60_000 });
    hub.files.set("config.json", new Uint8Array(3 * MIB));
    const stop = new AbortController();
    const opening = (await openTiny({ signal: stop.signal })).json("config.json");
    setTimeout(() => stop.abort(), 200);
    await expect(opening).rejects.toMatchObject({ name: "AbortError" });
    expect(await blobs()).toEqual([]);
  });

  test("before it begins", async () => {
    const signal = AbortSignal.abort();
    await expect(openTiny({ signal })).rejects.toBe(signal.reason);
    expect(hub.takePaths()).toEqual([]);
  });
});

test("files of the cache are closed with the checkpoint", async () => {
  await readNoise();
  const blob = join(models, "snapshots", hub.commit, WEIGHTS);
  expect((await stat(blob)).size).toBe(weights.byteLength);
  const checkpoint = await openCheckpoint(await openTiny());
  await checkpoint.close();
  await expect(checkpoint.tensors.get("noise")?.read()).rejects.toThrow();
});
