// Folders on web servers: requests are few, wrong answers are errors, odd servers are read all the same.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NetworkError, NotFoundError } from "../../src/device/errors.ts";
import { openCheckpoint, readSafetensors, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { openSource } from "../../src/io/source/openSource.ts";
import { HubServer } from "./hubServer.ts";

const MIB = 1024 * 1024;
const CONFIG = { model_type: "clip" };
const floats = (...values: number[]) => ({
  dtype: "F32" as const,
  shape: [values.length],
  data: new Float32Array(values),
});
const weights = writeSafetensors({ a: floats(1, 2), b: floats(3) });
const readFloats = async (bytes: Promise<Uint8Array<ArrayBuffer>> | undefined) => [
  ...new Float32Array((await bytes)?.buffer ?? new ArrayBuffer(0)),
];

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
      else if (path === "/m/model.safetensors")
        response.writeHead(200, { "transfer-encoding": "chunked" }).end(weights);
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
