// The safetensors reader against files that are right, hostile, cut off or something else; the writer against the reader
// and, where Python's safetensors is installed, both against the official library.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, InvalidFileError, NotFoundError } from "../../src/device/errors.ts";
import { CHUNK_BYTES } from "../../src/io/bytes.ts";
import { bitsOf, readSafetensors, STORED_DTYPES, writeSafetensors } from "../../src/io/safetensors.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "safetensors-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file of a header as written, and so many bytes of data. */
function fileOf(header: string | Uint8Array, dataBytes = 0, statedLength?: bigint): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + json.byteLength + dataBytes);
  new DataView(file.buffer).setBigUint64(0, statedLength ?? BigInt(json.byteLength), true);
  file.set(json, 8);
  return file;
}

const tensor = (dtype: string, shape: string, offsets: string) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
const one = (dtype: string, shape: string, offsets: string) => `{"a":${tensor(dtype, shape, offsets)}}`;
const utf8 = (text: string) => new TextEncoder().encode(text);

/** What a file is, its bytes, and what the message says, or "ok". `stricter` marks where we refuse and Rust does not. */
type Case = [what: string, file: Uint8Array, expected: RegExp | "ok", stricter?: "stricter"];

const a4 = tensor("F32", "[1]", "[0,4]");
const CASES: Case[] = [
  ["no tensors", fileOf("{}"), "ok"],
  ["one tensor", fileOf(one("F32", "[2]", "[0,8]"), 8), "ok"],
  ["a scalar", fileOf(one("F32", "[]", "[0,4]"), 4), "ok"],
  ["spaces after the header", fileOf("{}      "), "ok"],
  ["white space around the header", fileOf(" \n\t{}\r\n"), "ok"],
  ["an empty tensor", fileOf(one("I32", "[2,0]", "[0,0]")), "ok"],
  [
    "an empty tensor between two",
    fileOf(`{"a":${a4},"e":${tensor("F32", "[0]", "[4,4]")},"b":${tensor("F32", "[1]", "[4,8]")}}`, 8),
    "ok",
  ],
  ["names out of the data's order", fileOf(`{"b":${tensor("U8", "[4]", "[4,8]")},"a":${a4}}`, 8), "ok"],
  ["a huge size next to a zero", fileOf(one("U8", "[0,9007199254740991]", "[0,0]")), "ok"],
  ["packed F4", fileOf(one("F4", "[3,2]", "[0,3]"), 3), "ok"],
  ["metadata", fileOf('{"__metadata__":{"format":"pt","__proto__":"x"}}'), "ok"],
  ["metadata null", fileOf('{"__metadata__":null}'), "ok"],
  ["a tensor named __proto__", fileOf(`{"__proto__":${a4}}`, 4), "ok"],
  ["an escaped name", fileOf(`{"\\u0061\\"\\ud83d\\ude00":${a4}}`, 4), "ok"],
  [
    "an unknown field",
    fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"extra":[1.5e3,{"x":null}]}}', 1),
    "ok",
  ],

  ["nothing", new Uint8Array(0), /is empty: download it again/],
  ["seven bytes", new Uint8Array(7), /has only 7 bytes/],
  ["a header of zero bytes", fileOf(""), /not JSON: expected a value at character 0/],
  [
    "a header beyond 100 MB",
    fileOf("{}", 0, 100_000_001n),
    /states a header of 100000001 bytes, more than the 100000000/,
  ],
  ["a header of 2^64-1 bytes", fileOf("{}", 0, 2n ** 64n - 1n), /states a header of 18446744073709551615 bytes/],
  ["a header beyond the file", fileOf("{}", 0, 3n), /states a header of 3 bytes, but only 2 follow/],
  ["a header that is a list", fileOf("[]"), /expected a JSON object/],
  ["a header that is a number", fileOf("1"), /expected a JSON object/],
  ["half a header", fileOf('{"a":'), /not JSON/],
  ["text after the header", fileOf("{}x"), /unexpected text after the end at character 2/],
  ["NUL padding", fileOf("{}\0\0"), /unexpected text after the end/],
  ["a byte order mark", fileOf("\ufeff{}"), /not JSON/],
  ["a comma before the end", fileOf('{"__metadata__":{},}'), /expected a string/],
  ["a raw line break in a name", fileOf(`{"a\n":${a4}}`, 4), /raw control character/],
  ["a bad escape", fileOf(`{"\\x":${a4}}`, 4), /bad escape/],
  ["half a surrogate pair", fileOf(`{"\\ud800":${a4}}`, 4), /surrogate/],
  ["bytes that are not UTF-8", fileOf(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])), /not UTF-8/],
  ["a number out of range", fileOf('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1e999}}'), /out of range/],
  ["very deep nesting", fileOf(`{"a":${"[".repeat(100_000)}`), /nested too deeply/],

  ["two tensors of one name", fileOf(`{"a":${a4},"a":${a4}}`, 4), /the name "a" occurs twice/, "stricter"],
  ["one name spelled in two ways", fileOf(`{"a":${a4},"\\u0061":${a4}}`, 4), /the name "a" occurs twice/, "stricter"],
  ["two metadata", fileOf('{"__metadata__":{},"__metadata__":{}}'), /occurs twice/],
  ["a field given twice", fileOf('{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), /occurs twice/],
  ["metadata that is a list", fileOf('{"__metadata__":[]}'), /__metadata__ must be an object of strings/],
  ["metadata with a number", fileOf('{"__metadata__":{"a":1}}'), /must hold strings, "a" is none/],
  ["a tensor that is null", fileOf('{"a":null}'), /tensor "a" must be an object/],
  ["no dtype", fileOf('{"a":{"shape":[0],"data_offsets":[0,0]}}'), /has dtype missing, known are BOOL/],
  ["an unknown dtype", fileOf(one("F128", "[1]", "[0,16]"), 16), /has dtype "F128"/],
  ["a dtype in small letters", fileOf(one("f32", "[1]", "[0,4]"), 4), /has dtype "f32"/],
  ["a dtype that objects inherit", fileOf(one("constructor", "[0]", "[0,0]")), /has dtype "constructor"/],
  ["no shape", fileOf('{"a":{"dtype":"U8","data_offsets":[0,0]}}'), /has shape missing/],
  ["a shape that is a number", fileOf(one("U8", "1", "[0,1]"), 1), /has shape 1, expected a list/],
  ["a negative size", fileOf(one("U8", "[-1]", "[0,1]"), 1), /has shape \[-1\]/],
  ["two negative sizes", fileOf(one("U8", "[-1,-4]", "[0,4]"), 4), /has shape \[-1, -4\]/],
  ["minus zero", fileOf(one("U8", "[-0]", "[0,0]")), /has shape/],
  ["a size with a point", fileOf(one("U8", "[4.0]", "[0,4]"), 4), /has shape \[4\]/],
  ["a size with an exponent", fileOf(one("U8", "[1e0]", "[0,1]"), 1), /has shape/],
  ["a size with a leading zero", fileOf(one("U8", "[01]", "[0,1]"), 1), /not JSON/],
  ["a size as text", fileOf(one("U8", '["1"]', "[0,1]"), 1), /has shape \["1"\]/],
  ["a product beyond 64 bits", fileOf(one("U8", "[4294967296,4294967296,2]", "[0,0]")), /beyond 64 bits/],
  ["a product beyond 64 bits, then zero", fileOf(one("U8", "[4294967296,4294967296,0]", "[0,0]")), /beyond 64 bits/],
  ["a product that wraps to its bytes", fileOf(one("F32", "[4611686018427387905]", "[0,4]"), 4), /has shape/],
  ["a size beyond 2^64", fileOf(one("U8", "[18446744073709551617]", "[0,1]"), 1), /has shape/],
  ["F4 that ends within a byte", fileOf(one("F4", "[3]", "[0,1]"), 1), /ends within a byte/],
  ["one offset", fileOf(one("U8", "[1]", "[0]"), 1), /has data_offsets \[0\]/],
  ["three offsets", fileOf(one("U8", "[1]", "[0,1,1]"), 1), /has data_offsets/],
  ["offsets the wrong way round", fileOf(one("U8", "[4]", "[4,0]"), 4), /has data_offsets \[4, 0\]/],
  ["negative offsets", fileOf(one("U8", "[4]", "[-4,0]"), 4), /has data_offsets/],
  ["more bytes than the shape", fileOf(one("F32", "[1]", "[0,8]"), 8), /needs 4 bytes but its data_offsets span 8/],
  ["fewer bytes than the shape", fileOf(one("F32", "[3]", "[0,8]"), 8), /needs 12 bytes but its data_offsets span 8/],
  ["a hole at the start", fileOf(one("U8", "[4]", "[4,8]"), 8), /no tensor covers bytes 0 to 4/],
  ["a hole between", fileOf(`{"a":${a4},"b":${tensor("U8", "[1]", "[5,6]")}}`, 6), /no tensor covers bytes 4 to 5/],
  ["overlap", fileOf(`{"a":${a4},"b":${tensor("U8", "[4]", "[2,6]")}}`, 6), /"b" begins at 2, inside/],
  ["two tensors in one place", fileOf(`{"a":${a4},"b":${a4}}`, 4), /begins at 0, inside/],
  ["data cut off", fileOf(one("F32", "[2]", "[0,8]"), 7), /is cut off: its tensors need 8 bytes, 7 are there/],
  ["bytes after the data", fileOf(one("F32", "[2]", "[0,8]"), 9), /cover 8 of the 9 bytes/],
  ["bytes but no tensors", fileOf("{}", 1), /cover 0 of the 1 bytes/],

  ["a PyTorch zip", utf8("PK\x03\x04 pytorch_model/data.pkl"), /zip archive, probably a PyTorch .bin/],
  ["a pickle", new Uint8Array([0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9]), /is a Python pickle/],
  [
    "a git-lfs pointer",
    utf8("version https://git-lfs.github.com/spec/v1\noid sha256:1"),
    /git-lfs pointer.*git lfs pull/,
  ],
  ["a web page", utf8("<!DOCTYPE html><html><body>Sign in</body></html>"), /is a web page/],
  ["JSON", utf8('{"error":"Entry not found"}'), /is JSON, not a safetensors file/],
  ["GGUF", utf8("GGUF\x03\0\0\0 and so on"), /is a GGUF file/],
  ["a NumPy array", new Uint8Array([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0x76, 0]), /is a NumPy array/],
  ["text", utf8("hello there, this is text"), /states a header of .* more than/],
];

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
    const header = `{"b":${tensor("F32", "[1,1]", "[4,8]")},"__proto__":${a4},"__metadata__":{"format":"pt","__proto__":"x"}}`;
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
