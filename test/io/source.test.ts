// Folders, URLs, bytes and sharded checkpoints as sources, what a string is taken for, and Cache Storage in pages.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { ArgumentError, InvalidFileError, NetworkError, NotFoundError } from "../../src/device/errors.ts";
import { openHubInPage } from "../../src/io/hubPage.ts";
import { openCheckpoint, readSafetensors, writeSafetensors } from "../../src/io/safetensors.ts";
import { openSource, type SourceLike } from "../../src/io/source.ts";
import { HubServer } from "./hubServer.ts";

const MIB = 1024 * 1024;
const CONFIG = { model_type: "clip" };
const floats = (...values: number[]) => ({
  dtype: "F32" as const,
  shape: [values.length],
  data: new Float32Array(values),
});
const weights = writeSafetensors({ a: floats(1, 2), b: floats(3) });

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "source-"));
  await writeFile(join(folder, "config.json"), JSON.stringify(CONFIG));
  await writeFile(join(folder, "model.safetensors"), weights);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const readFloats = async (bytes: Promise<Uint8Array<ArrayBuffer>> | undefined) => [
  ...new Float32Array((await bytes)?.buffer ?? new ArrayBuffer(0)),
];

describe("folders and bytes", () => {
  const places: [string, () => SourceLike][] = [
    ["a path", () => folder],
    ["a relative path", () => relative(process.cwd(), folder)],
    ["a file URL", () => pathToFileURL(folder)],
    ["a file URL as text", () => pathToFileURL(folder).href],
    ["bytes", () => ({ config: CONFIG, weights })],
    ["an ArrayBuffer", () => ({ config: CONFIG, weights: weights.buffer })],
    ["a Blob", () => ({ config: CONFIG, weights: new Blob([weights]) })],
  ];

  test.each(places)("%s", async (_what, place) => {
    const source = await openSource(place());
    expect(await source.json("config.json")).toEqual(CONFIG);
    expect(await source.json("tokenizer.json")).toBeUndefined();
    expect(await source.open("merges.txt")).toBeUndefined();
    const checkpoint = await openCheckpoint(source);
    expect(await readFloats(checkpoint.tensors.get("a")?.read())).toEqual([1, 2]);
    await checkpoint.close();
  });

  test("bytes: tokenizer and preprocessor as parsed JSON, or as files", async () => {
    const source = await openSource({ config: CONFIG, weights, tokenizer: { model: 1 }, preprocessor: { size: 8 } });
    expect(await source.json("preprocessor_config.json")).toEqual({ size: 8 });
    const file = await source.open("tokenizer.json");
    expect(new TextDecoder().decode(await file?.read(0, file.size))).toBe('{"model":1}');
  });

  test.each([
    [undefined],
    [null],
    [7],
    [{}],
    [{ config: CONFIG }],
    [{ config: null, weights }],
    [{ config: CONFIG, weights: "x" }],
  ])("%j is no source", async (what) => {
    await expect(openSource(what as unknown as string)).rejects.toThrow(ArgumentError);
  });

  test("JSON that is none, or another format", async () => {
    const write = (text: string) => writeFile(join(folder, "broken.json"), text);
    const source = await openSource(folder);
    await write('{"a":');
    await expect(source.json("broken.json")).rejects.toThrow(InvalidFileError);
    await expect(source.json("broken.json")).rejects.toThrow(`broken.json of ${folder} is not valid JSON`);
    await write("version https://git-lfs.github.com/spec/v1\n");
    await expect(source.json("broken.json")).rejects.toThrow(/git-lfs pointer/);
    await write("<!doctype html><title>Not found</title>");
    await expect(source.json("broken.json")).rejects.toThrow(/web page/);
  });
});

describe("what a string is taken for", () => {
  test.each(["./no/such/folder", "/no/such/folder", "../no-such", "~/no-such", "C:\\no\\such"])(
    "%s: no folder",
    async (path) => {
      await expect(openSource(path)).rejects.toThrow(NotFoundError);
      await expect(openSource(path)).rejects.toThrow(`there is no folder ${path}`);
    },
  );

  test.each(["no-such-model", "a/b/c", "a b/c", "owner/..", "owner/name@", "owner/name@../x", ""])(
    "%j: nothing known",
    async (text) => {
      await expect(openSource(text)).rejects.toThrow(NotFoundError);
      await expect(openSource(text)).rejects.toThrow(
        /is no folder here and no Hub id: give a folder, an http\(s\) URL/,
      );
    },
  );

  test("a URL that is none, and one of another kind", async () => {
    await expect(openSource("http://")).rejects.toThrow(ArgumentError);
    await expect(openSource(new URL("ftp://host/folder"))).rejects.toThrow(/ftp:\/\/host\/folder cannot be read here/);
  });

  test("a file instead of a folder", async () => {
    await expect(openSource(join(folder, "config.json"))).rejects.toThrow(/is a file: give the folder/);
  });

  test("an existing folder wins over a Hub id", async () => {
    const before = process.cwd();
    await mkdir(join(folder, "owner/name"), { recursive: true });
    await writeFile(join(folder, "owner/name/config.json"), "[]");
    process.chdir(folder);
    try {
      expect(await (await openSource("owner/name")).json("config.json")).toEqual([]);
    } finally {
      process.chdir(before);
    }
  });
});

describe("sharded checkpoints", () => {
  const INDEX = "model.safetensors.index.json";
  let sharded = "";
  beforeEach(async () => {
    sharded = await mkdtemp(join(folder, "sharded-"));
    await writeFile(
      join(sharded, "m-1.safetensors"),
      writeSafetensors({ a: floats(1), z: floats(9) }, { format: "pt" }),
    );
    await writeFile(join(sharded, "m-2.safetensors"), writeSafetensors({ b: floats(2) }));
  });
  const openWith = async (index: unknown) => {
    await writeFile(join(sharded, INDEX), JSON.stringify(index));
    return openCheckpoint(await openSource(sharded));
  };

  test("tensors come from the shards that the index names", async () => {
    const map = { b: "m-2.safetensors", a: "m-1.safetensors" };
    const checkpoint = await openWith({ metadata: { total_size: 8 }, weight_map: map });
    expect([...checkpoint.tensors.keys()].sort()).toEqual(["a", "b"]);
    expect(await readFloats(checkpoint.tensors.get("a")?.read())).toEqual([1]);
    expect(await readFloats(checkpoint.tensors.get("b")?.read())).toEqual([2]);
    expect(checkpoint.metadata).toEqual({ format: "pt" });
    await checkpoint.close();
  });

  test.each([
    ["a path upwards", { a: "../m-1.safetensors" }, /places tensor "a" in "..\/m-1.safetensors"/],
    ["an absolute path", { a: "/etc/m.safetensors" }, /expected a .safetensors file beside it/],
    ["a backslash", { a: "..\\m-1.safetensors" }, /expected a .safetensors file beside it/],
    ["another kind of file", { a: "config.json" }, /expected a .safetensors file beside it/],
    ["a number", { a: 1 }, /places tensor "a" in 1/],
    ["no tensors", {}, /names no tensors/],
    ["a list", ["m-1.safetensors"], /has no "weight_map" object/],
    ["a tensor that the shard lacks", { a: "m-2.safetensors" }, /places tensor "a" in m-2.safetensors, which lacks it/],
  ])("refuses %s", async (_what, map, message) => {
    await expect(openWith({ weight_map: map })).rejects.toThrow(InvalidFileError);
    await expect(openWith({ weight_map: map })).rejects.toThrow(message);
  });

  test("a shard that is not there, and no weights at all", async () => {
    await expect(openWith({ weight_map: { a: "m-3.safetensors" } })).rejects.toThrow(NotFoundError);
    await expect(openWith({ weight_map: { a: "m-3.safetensors" } })).rejects.toThrow(/lacks m-3.safetensors/);
    await expect(openWith([])).rejects.toThrow(InvalidFileError);
    await rm(join(sharded, INDEX));
    await expect(openCheckpoint(await openSource(sharded))).rejects.toThrow(`${sharded} has no weights`);
  });

  test("open_clip_model.safetensors is the last to be looked for", async () => {
    await writeFile(join(sharded, "open_clip_model.safetensors"), weights);
    const checkpoint = await openCheckpoint(await openSource(sharded));
    expect([...checkpoint.tensors.keys()]).toEqual(["a", "b"]);
    await checkpoint.close();
  });

  test("a broken file is named with its folder", async () => {
    await writeFile(join(sharded, "model.safetensors"), weights.subarray(0, -1));
    await expect(openCheckpoint(await openSource(sharded))).rejects.toThrow(
      `model.safetensors of ${sharded} is cut off`,
    );
  });
});

describe("URLs", () => {
  let hub: HubServer;
  let base: string;
  const tensors = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`t${i}`, floats(...new Float32Array(25_000).fill(i))]),
  );
  beforeEach(async () => {
    hub = await HubServer.start();
    hub.files.set("config.json", new TextEncoder().encode(JSON.stringify(CONFIG)));
    hub.files.set("model.safetensors", writeSafetensors(tensors));
    base = `${hub.url}/owner/tiny-clip/resolve/main`;
  });
  afterEach(() => hub.stop());
  const cdnRanges = () => hub.seen.filter(({ host }) => host === "cdn").map(({ range }) => range);

  test("a folder: JSON, an absent file, and all tensors through one response", async () => {
    const progress: number[] = [];
    const source = await openSource(base, { onProgress: ({ loaded, total }) => progress.push(loaded / total) });
    expect(await source.json("config.json")).toEqual(CONFIG);
    expect(await source.open("tokenizer.json")).toBeUndefined();
    const checkpoint = await openCheckpoint(source);
    for (const [name, tensor] of checkpoint.tensors) {
      expect(new Float32Array((await tensor.read()).buffer)[24_999]).toBe(Number(name.slice(1)));
    }
    await checkpoint.close();
    expect(cdnRanges()).toEqual(["bytes=0-"]);
    expect(progress.at(-1)).toBe(1);
  });

  test("tensors out of order cost a request each, small gaps none", async () => {
    const checkpoint = await readSafetensors(new URL(`${base}/model.safetensors`));
    const names = [...checkpoint.tensors.keys()];
    const read = (at: number) => checkpoint.tensors.get(names[at] ?? "")?.read();
    await read(0);
    await read(2);
    expect(cdnRanges()).toHaveLength(1);
    await read(39);
    expect(cdnRanges()).toHaveLength(2);
    await read(4);
    expect(cdnRanges()).toHaveLength(2);
    await checkpoint.close();
  });

  test("reads side by side do not disturb one another", async () => {
    const checkpoint = await readSafetensors(`${base}/model.safetensors`);
    const all = [...checkpoint.tensors.values()];
    const read = await Promise.all(all.map((tensor) => readFloats(tensor.read())));
    expect(read.map((values) => values[7])).toEqual(all.map(({ name }) => Number(name.slice(1))));
    await checkpoint.close();
  });

  test("a server that ignores ranges", async () => {
    hub.faults.set("model.safetensors", { noRanges: true });
    const checkpoint = await readSafetensors(`${base}/model.safetensors`);
    expect((await readFloats(checkpoint.tensors.get("t39")?.read()))[0]).toBe(39);
    expect((await readFloats(checkpoint.tensors.get("t3")?.read()))[0]).toBe(3);
    await checkpoint.close();
  });

  test("a file that changes between requests", async () => {
    const checkpoint = await readSafetensors(`${base}/model.safetensors`);
    hub.files.set("model.safetensors", weights);
    await expect(checkpoint.tensors.get("t9")?.read()).rejects.toThrow(NetworkError);
    await expect(checkpoint.tensors.get("t9")?.read()).rejects.toThrow(/changed or went away while it was read/);
    await checkpoint.close();
  });

  test("cut off, cancelled, absent", async () => {
    hub.files.set(
      "model.safetensors",
      writeSafetensors({ big: { dtype: "U8", shape: [9 * MIB], data: new Uint8Array(9 * MIB) } }),
    );
    hub.faults.set("model.safetensors", { cutAt: 8 * MIB });
    const stop = new AbortController();
    const checkpoint = await openCheckpoint(await openSource(base));
    await expect(checkpoint.tensors.get("big")?.read()).rejects.toThrow(NetworkError);
    hub.faults.set("model.safetensors", { slowMs: 30 });
    const reason = new Error("enough");
    setTimeout(() => stop.abort(reason), 100);
    await expect(checkpoint.tensors.get("big")?.read(stop.signal)).rejects.toBe(reason);
    await checkpoint.close();
    await expect(readSafetensors(`${base}/none.safetensors`)).rejects.toThrow(NotFoundError);
    await expect(openCheckpoint(await openSource(`${hub.url}/owner/none`))).rejects.toThrow(/has no weights/);
  });
});

describe("servers of other kinds", () => {
  let server: Server;
  let url = "";
  const query: (string | undefined)[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      const [path, search] = (request.url ?? "").split("?");
      query.push(search);
      if (path === "/m/config.json")
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(JSON.stringify(CONFIG)));
      else if (path === "/m/model.safetensors") response.write(weights), response.end();
      else if (path === "/m/private.json") response.writeHead(403).end();
      else if (path === "/m/empty.json") response.writeHead(416).end();
      else response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<!doctype html>");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/m`;
  });
  afterAll(() => server.close());

  test("compressed answers, answers without a length, pages in place of files, a signed query, 403", async () => {
    const source = await openSource(`${url}?signature=x`);
    expect(await source.json("config.json")).toEqual(CONFIG);
    const checkpoint = await openCheckpoint(source);
    expect(await readFloats(checkpoint.tensors.get("b")?.read())).toEqual([3]);
    expect(await source.json("tokenizer.json")).toBeUndefined();
    expect(new Set(query)).toEqual(new Set(["signature=x"]));
    await expect(source.json("private.json")).rejects.toThrow(NetworkError);
    await expect(source.json("private.json")).rejects.toThrow(/was refused \(403\): it is not public/);
    await expect(source.json("empty.json")).rejects.toThrow(/is empty/);
    await expect(readSafetensors(`${url}/page.safetensors`)).rejects.toThrow(/page.safetensors is a web page/);
  });
});

describe("the Hub in a page", () => {
  let hub: HubServer;
  /** Cache Storage as far as it is used: entries are whole responses, and a body that fails leaves none. */
  const shelves = new Map<string, Response>();
  const shelf = {
    match: async (url: URL) => shelves.get(url.href)?.clone(),
    put: async (url: URL, response: Response) => {
      const { status, headers } = response;
      const body = status === 404 ? null : await response.blob();
      shelves.set(url.href, new Response(body, { status, headers }));
    },
  };
  beforeEach(async () => {
    hub = await HubServer.start();
    hub.files.set("model.safetensors", weights);
    shelves.clear();
    vi.stubGlobal("caches", { open: async () => shelf });
  });
  afterEach(async () => {
    vi.unstubAllGlobals();
    await hub.stop();
  });
  const open = (options = {}) => openHubInPage({ id: hub.id, revision: "main", endpoint: hub.url }, options);
  const readA = async () => {
    const file = await open().open("model.safetensors");
    const checkpoint = await readSafetensors(file ?? "");
    expect(await readFloats(checkpoint.tensors.get("a")?.read())).toEqual([1, 2]);
  };

  test("a second time nothing is asked", async () => {
    await readA();
    expect(await open().open("tokenizer.json")).toBeUndefined();
    expect(hub.takePaths()).toHaveLength(3);
    await readA();
    expect(await open().open("tokenizer.json")).toBeUndefined();
    expect(hub.takePaths()).toEqual([]);
  });

  test("a download that fails or is cancelled leaves nothing", async () => {
    hub.files.set("model.safetensors", new Uint8Array(3 * MIB));
    hub.faults.set("model.safetensors", { cutAt: 2 * MIB });
    await expect(open().open("model.safetensors")).rejects.toThrow(NetworkError);
    hub.faults.set("model.safetensors", { slowMs: 30 });
    const stop = new AbortController();
    const reason = new Error("enough");
    const onProgress = () => stop.abort(reason);
    await expect(open({ signal: stop.signal, onProgress }).open("model.safetensors")).rejects.toBe(reason);
    expect(shelves.size).toBe(0);
  });

  test("without Cache Storage, with cache: false, or with a full disk it reads from the Hub", async () => {
    vi.stubGlobal("caches", {
      open: async () => ({ ...shelf, put: () => Promise.reject(new Error("QuotaExceededError")) }),
    });
    await readA();
    vi.stubGlobal("caches", undefined);
    await readA();
    expect((await open({ cache: false }).open("model.safetensors"))?.size).toBe(weights.byteLength);
    expect(shelves.size).toBe(0);
  });
});
