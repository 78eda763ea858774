// The safetensors reader against files that are right, hostile, cut off or something else; the writer against the
// reader and, where Python's safetensors is installed, both against the official library.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, InvalidFileError, NotFoundError } from "../../src/device/errors.ts";
import { bitsOf, STORED_DTYPES } from "../../src/io/safetensors/dtypes.ts";
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { CHUNK_BYTES } from "../../src/io/source/bytes.ts";
import { a4, CASES, fileOf, one, tensor } from "./safetensorsCases.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "safetensors-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("readSafetensors", () => {
  test.each(CASES)("%s", async (_what, file, expected) => {
    if (expected === "ok") return expect(await (await readSafetensors(file)).close()).toBeUndefined();
    const error = await readSafetensors(file).catch((reason) => reason);
    expect(error).toBeInstanceOf(InvalidFileError);
    expect(error.message).toMatch(expected);
    expect(error.message.length).toBeLessThan(500);
  });

  test("a file cut off anywhere is refused", async () => {
    const file = fileOf(one("F32", "[2]", "[0,8]"), 8);
    for (let length = 0; length < file.byteLength; length++) {
      await expect(readSafetensors(file.subarray(0, length)), `${length} bytes`).rejects.toThrow(InvalidFileError);
    }
  });

  test("a hostile 20 MB string or number ends in an error, not in a hang or a crash", async () => {
    for (const header of [`{"${"a".repeat(2e7)}`, `{"a":${"1".repeat(2e7)}}`, `{"a":"${"\\".repeat(2e7)}"}`]) {
      await expect(readSafetensors(fileOf(header))).rejects.toThrow(InvalidFileError);
    }
  });

  test("names, shapes, metadata and values, in the order of the data", async () => {
    const metadataJson = '{"format":"pt","__proto__":"x"}';
    const header = `{"b":${tensor("F32", "[1,1]", "[4,8]")},"__proto__":${a4},"__metadata__":${metadataJson}}`;
    const file = fileOf(header, 8);
    new DataView(file.buffer).setFloat32(file.byteLength - 4, 1.5, true);
    const { tensors, metadata } = await readSafetensors(file);
    expect([...tensors.keys()]).toEqual(["__proto__", "b"]);
    const b = tensors.get("b");
    expect(b).toMatchObject({ dtype: "F32", shape: [1, 1], byteLength: 4 });
    const bytes = await b?.read();
    expect(new Float32Array(bytes?.buffer ?? new ArrayBuffer(0))).toEqual(new Float32Array([1.5]));
    expect(Object.entries(metadata)).toEqual([
      ["format", "pt"],
      ["__proto__", "x"],
    ]);
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
  });
});

describe("streaming", () => {
  const length = 2 * CHUNK_BYTES + 12;
  const data = Uint8Array.from({ length }, (_, i) => (i * 31) % 251);
  const file = writeSafetensors({
    big: { dtype: "U8", shape: [length], data },
    small: { dtype: "I64", shape: [1], data: new BigInt64Array([5n]) },
  });

  test.each(["bytes", "ArrayBuffer", "Blob", "path", "file URL"])("from %s in chunks of 1 MiB", async (kind) => {
    const path = join(folder, "big.safetensors");
    await writeFile(path, file);
    const from = {
      bytes: file,
      ArrayBuffer: file.buffer,
      Blob: new Blob([file]),
      path,
      "file URL": new URL(`file://${path}`),
    };
    const checkpoint = await readSafetensors(from[kind as keyof typeof from]);
    const big = checkpoint.tensors.get("big");
    const sizes: number[] = [];
    const parts: Uint8Array[] = [];
    for await (const chunk of big?.stream() ?? []) {
      sizes.push(chunk.byteLength);
      parts.push(chunk);
    }
    expect(sizes).toEqual([CHUNK_BYTES, CHUNK_BYTES, 12]);
    expect(Buffer.concat(parts).equals(data)).toBe(true);
    expect(Buffer.from((await big?.read()) ?? []).equals(data)).toBe(true);
    await checkpoint.close();
    await checkpoint.close();
  });

  test("a cancelled read rejects with the signal's reason", async () => {
    const checkpoint = await readSafetensors(file);
    const stop = new AbortController();
    const reason = new Error("enough");
    const reading = (async () => {
      for await (const _ of checkpoint.tensors.get("big")?.stream(stop.signal) ?? []) stop.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    await expect(readSafetensors(file, { signal: stop.signal })).rejects.toBe(reason);
  });

  test("a file that becomes shorter while it is read", async () => {
    const path = join(folder, "shrinks.safetensors");
    await writeFile(path, file);
    const checkpoint = await readSafetensors(path);
    await truncate(path, CHUNK_BYTES);
    await expect(checkpoint.tensors.get("big")?.read()).rejects.toThrow(/became shorter/);
    await checkpoint.close();
  });

  test("a path that is not there, a folder, and something that is no file", async () => {
    const absent = join(folder, "absent.safetensors");
    await expect(readSafetensors(absent)).rejects.toThrow(NotFoundError);
    await expect(readSafetensors(absent)).rejects.toThrow(absent);
    await expect(readSafetensors(folder)).rejects.toThrow(/is a folder, expected a file/);
    await expect(readSafetensors(7 as unknown as string)).rejects.toThrow(ArgumentError);
  });
});

describe("writeSafetensors", () => {
  test("every dtype comes back", async () => {
    const tensors = Object.fromEntries(
      STORED_DTYPES.map((dtype, i) => [
        dtype,
        { dtype, shape: [4], data: new Uint8Array(bitsOf(dtype) / 2).fill(i + 1) },
      ]),
    );
    const file = writeSafetensors(tensors, { made: "here" });
    const checkpoint = await readSafetensors(file);
    expect(checkpoint.metadata).toEqual({ made: "here" });
    expect(checkpoint.tensors.size).toBe(STORED_DTYPES.length);
    for (const [name, { data, dtype }] of Object.entries(tensors)) {
      expect(checkpoint.tensors.get(name)).toMatchObject({ dtype, shape: [4] });
      expect(await checkpoint.tensors.get(name)?.read()).toEqual(data);
    }
  });

  test("aligns data to eight bytes and takes views at an offset", async () => {
    const view = new Float32Array([9, 1, 2]).subarray(1);
    const file = writeSafetensors({ x: { dtype: "F32", shape: [2], data: view } });
    expect(new DataView(file.buffer).getUint32(0, true) % 8).toBe(0);
    const read = await (await readSafetensors(file)).tensors.get("x")?.read();
    expect(new Float32Array(read?.buffer ?? new ArrayBuffer(0))).toEqual(new Float32Array([1, 2]));
  });

  test("refuses what the format cannot hold", () => {
    const data = new Float32Array(2);
    expect(() => writeSafetensors({ x: { dtype: "F32", shape: [3], data } })).toThrow(
      /has shape \[3\] of F32 .* 8 bytes/,
    );
    expect(() => writeSafetensors({ x: { dtype: "F32", shape: [-2], data } })).toThrow(ArgumentError);
    expect(() => writeSafetensors({ __metadata__: { dtype: "F32", shape: [2], data } })).toThrow(ArgumentError);
    expect(() => writeSafetensors({ "\ud800": { dtype: "F32", shape: [2], data } })).toThrow(ArgumentError);
  });
});

describe("the official library", () => {
  const python = process.env.PYTHON ?? "python3";
  const run = (script: string, input = "") =>
    execFileSync(python, ["-c", script], { input, stdio: ["pipe", "pipe", "ignore"], maxBuffer: 1 << 26 }).toString();
  let installed = true;
  try {
    run("import safetensors.numpy");
  } catch {
    installed = false;
  }

  test("accepts and refuses the same files", ({ skip }) => {
    if (!installed) skip(`${python} has no safetensors (pip install safetensors numpy, or set PYTHON)`);
    const script = `
import sys, base64, safetensors
for line in sys.stdin:
    try:
        safetensors.deserialize(base64.b64decode(line))
        print("ok")
    except safetensors.SafetensorError:
        print("refused")`;
    const lines = CASES.map(([, file]) => Buffer.from(file).toString("base64"));
    const verdicts = run(script, lines.join("\n")).trim().split("\n");
    const ours = CASES.map(([what, , expected, stricter]) => [what, expected === "ok" || stricter ? "ok" : "refused"]);
    expect(CASES.map(([what], i) => [what, verdicts[i]])).toEqual(ours);
  });

  test("writes the same bytes", ({ skip }) => {
    if (!installed) skip(`${python} has no safetensors (pip install safetensors numpy, or set PYTHON)`);
    const script = `
import sys, base64, numpy, safetensors.numpy
t = {"b": numpy.zeros(2, "f4"), "a": numpy.zeros(1, "i8"), "c": numpy.zeros((), "f4"), "\\u00e9": numpy.zeros(3, "u1")}
sys.stdout.write(base64.b64encode(safetensors.numpy.save(t, {"k": "v"})).decode())`;
    const ours = writeSafetensors(
      {
        b: { dtype: "F32", shape: [2], data: new Uint8Array(8) },
        a: { dtype: "I64", shape: [1], data: new Uint8Array(8) },
        c: { dtype: "F32", shape: [], data: new Uint8Array(4) },
        é: { dtype: "U8", shape: [3], data: new Uint8Array(3) },
      },
      { k: "v" },
    );
    expect(Buffer.from(run(script), "base64").equals(ours)).toBe(true);
  });
});
