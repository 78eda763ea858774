// `worker --stdio` as a program meets it: a greeting, rows for blocks of pictures, errors that end nothing.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { PassThrough, Readable } from "node:stream";
import { Binary, Float64, Table, tableFromIPC, tableToIPC, Utf8, vectorFromArray } from "apache-arrow";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { bundleForNode } from "../../scripts/bundle.mjs";
import { Clip } from "../../src/api/clip.ts";
import { type Frame, readFrames, writeFrame } from "../../src/cli/pictureIndex/frames.ts";
import { testDevice } from "../adapters.ts";

const CAT = "demos/photos/drawn-cat.jpg";
const SHIP = "demos/photos/drawn-ship.jpg";

// biome-ignore lint/suspicious/noExplicitAny: rows of Arrow have no types.
type Row = any;

let bundle: string;
beforeAll(async () => {
  bundle = await bundleForNode("src/cli/main.ts");
});

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

/** A worker, and its frames one by one. */
function start() {
  const child = spawn(process.execPath, [bundle, "worker", "--stdio", "--quiet"], { stdio: ["pipe", "pipe", "pipe"] });
  started.push(child);
  const frames = readFrames(child.stdout);
  const next = async (): Promise<Frame> => {
    const { value, done } = await frames.next();
    if (done) throw new Error("the worker's output ended");
    return value as Frame;
  };
  const json = async () => {
    const frame = await next();
    if (frame.kind !== "json") throw new Error(`expected JSON, got ${frame.kind}`);
    return frame.value;
  };
  return { child, next, json, send: (frame: object | Uint8Array) => writeFrame(child.stdin, frame) };
}

function block(id: string, paths: readonly string[], bytes?: readonly (Uint8Array | null)[]): Uint8Array {
  const columns = {
    path: vectorFromArray(paths, new Utf8()),
    ...(bytes && {
      bytes: vectorFromArray(bytes, new Binary()),
      modified: vectorFromArray(
        bytes.map(() => 5),
        new Float64(),
      ),
    }),
  };
  const table = new Table(columns);
  table.schema.metadata.set("block", id);
  return tableToIPC(table, "stream");
}

describe("worker --stdio", () => {
  it("greets, embeds what it is sent as the library does, tells its health, and ends when it is told to", async () => {
    const { child, next, json, send } = start();
    expect(await json()).toMatchObject({ protocol: 1, dimensions: 128, model: "tiny-clip", dtype: "f32" });
    await send(block("first", [CAT, "none.jpg", "README.md", SHIP]));
    await send(
      block("second", ["s3://bucket/ship.jpg", "s3://bucket/gone.jpg"], [await readFile(SHIP), new Uint8Array()]),
    );
    await send({ ping: 7 });
    const frames = [await next(), await next(), await next()];
    const answered = new Map<string, Table>();
    for (const frame of frames) {
      if (frame.kind === "json") {
        expect(frame.value).toMatchObject({ pong: 7, health: { state: "open" } });
        continue;
      }
      const table: Table = tableFromIPC(frame.bytes);
      answered.set(table.schema.metadata.get("block") ?? "", table);
    }
    using clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device: await testDevice() });
    const rows: Row[] = answered.get("first")?.toArray() ?? [];
    expect(rows.map(({ path }) => path)).toEqual([CAT, "none.jpg", "README.md", SHIP]);
    for (const i of [0, 3]) {
      const { path, vector, error, bytes, modified } = rows[i];
      const { data } = await clip.encodeImage(path);
      expect(error).toBeNull();
      expect(Math.max(...Array.from(data, (value, c) => Math.abs(value - vector.get(c))))).toBeLessThan(1e-5);
      const { size, mtimeMs } = await stat(path);
      expect([bytes, modified]).toEqual([size, mtimeMs]);
    }
    expect([rows[1].vector, rows[2].vector]).toEqual([null, null]);
    expect(rows[1].error).toContain("ENOENT");
    expect(rows[2].error).toContain("cannot be decoded");
    const [sent, gone]: Row[] = answered.get("second")?.toArray() ?? [];
    expect([sent.path, sent.hash, sent.modified]).toEqual(["s3://bucket/ship.jpg", rows[3].hash, 5]);
    expect(Array.from(sent.vector)).toEqual(Array.from(rows[3].vector));
    expect(gone.error).toContain("cannot be decoded");
    await send({ stop: true });
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it("goes on after a block that is none, and ends with stdin", async () => {
    const { child, json, next, send } = start();
    await json();
    await send(new Uint8Array(200).fill(7));
    expect((await json()).error).toMatch(
      /InvalidFileError: (a block is no stream of Arrow|the block "" has no column)/,
    );
    const table = new Table({ file: vectorFromArray(["a"], new Utf8()) });
    await send(tableToIPC(table, "stream"));
    expect((await json()).error).toMatch(/has no column "path"/);
    await send({ hello: 1 });
    expect((await json()).error).toMatch(/nothing is known of \{"hello":1\}, expected ping or stop/);
    await send(block("last", [CAT]));
    child.stdin?.end();
    const frame = await next();
    expect(frame.kind === "arrow" && tableFromIPC(frame.bytes).numRows).toBe(1);
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it("ends with an error where stdin has no frames", async () => {
    const { child } = start();
    let told = "";
    child.stderr?.on("data", (text) => {
      told += text;
    });
    child.stdin?.end("GET / HTTP/1.1\r\n");
    const [code] = await once(child, "exit");
    expect(told).toMatch(/stdin has a frame of \d+ bytes, expected 1 to/);
    expect(code).toBe(1);
  });
});

describe("frames", () => {
  const collect = async (parts: readonly Uint8Array[]) => {
    const frames: Frame[] = [];
    for await (const frame of readFrames(Readable.from(parts))) frames.push(frame);
    return frames;
  };

  it("come in any pieces", async () => {
    const pipe = new PassThrough();
    await writeFrame(pipe, { a: "é" });
    await writeFrame(pipe, Uint8Array.of(1, 2, 3));
    const bytes = pipe.read() as Buffer;
    const expected = [
      { kind: "json", value: { a: "é" } },
      { kind: "arrow", bytes: Buffer.from([1, 2, 3]) },
    ];
    for (const size of [1, 2, 5, bytes.length]) {
      const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => {
        return bytes.subarray(i * size, (i + 1) * size);
      });
      expect(await collect(parts)).toEqual(expected);
    }
  });

  it.each([
    ["a frame that is cut off", [5, 0, 0, 0, 74], /ended within a frame, after 5 bytes/],
    ["another kind", [1, 0, 0, 0, 75], /of kind 75, expected J or A/],
    ["no JSON", [2, 0, 0, 0, 74, 123], /of kind J that is no JSON/],
    ["no length", [0, 0, 0, 0], /a frame of 0 bytes/],
  ])("%s", async (_, bytes, message) => {
    await expect(collect([Buffer.from(bytes)])).rejects.toThrow(message);
  });
});
