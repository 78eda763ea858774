// Safetensors files that somebody made to do harm: what is read is exactly what the header says, what is not is refused
// by an error of ours, in few words and soon. Mutations are drawn from a seed; TRUST=all draws many.
import { describe, expect, it } from "vitest";
import { InvalidFileError } from "../../src/device/errors.ts";
import { random } from "../../src/device/random.ts";
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors/safetensors.ts";

const CASES = process.env.TRUST === "all" ? 300_000 : 2_000;
/** Longest that a file took. */
let longestMs = 0;

/** A file of a header as text and so many bytes of data. */
function fileOf(header: string, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

/** Reads a file to its end; undefined where it is refused. */
async function read(file: Uint8Array): Promise<number | undefined> {
  const began = performance.now();
  try {
    const checkpoint = await readSafetensors(file);
    let sum = 0;
    for (const tensor of checkpoint.tensors.values()) sum += (await tensor.read()).byteLength;
    return sum;
  } catch (error) {
    if (!(error instanceof InvalidFileError)) throw error;
    expect(error.message.length).toBeLessThanOrEqual(4000);
    return undefined;
  } finally {
    longestMs = Math.max(longestMs, performance.now() - began);
  }
}

const GOOD = writeSafetensors(
  {
    a: { dtype: "F32", shape: [2, 3], data: new Float32Array(6) },
    "b.weight": { dtype: "U8", shape: [5], data: new Uint8Array(5) },
    empty: { dtype: "F32", shape: [0, 4], data: new Float32Array(0) },
  },
  { format: "pt", text: "é" },
);

const WORDS = [
  "null",
  "-1",
  "0",
  "4294967296",
  "18446744073709551616",
  "1e9",
  "1.5",
  '"F32"',
  '"F64"',
  "[]",
  "{}",
  "[0]",
];
const SIGNS = '{}[]",:0123456789\\ \n\u0000é';

/** One to four changes of the header or of the file's ends. */
function mutated(draw: () => number): Uint8Array {
  const length = Number(new DataView(GOOD.buffer, GOOD.byteOffset).getBigUint64(0, true));
  let header = new TextDecoder().decode(GOOD.subarray(8, 8 + length)).trimEnd();
  const pick = (count: number) => Math.floor(draw() * count);
  let dataBytes = GOOD.length - 8 - length;
  for (let change = 0; change <= pick(4); change++) {
    const at = pick(header.length);
    const kind = pick(6);
    if (kind === 0) header = header.slice(0, at) + (SIGNS[pick(SIGNS.length)] ?? "") + header.slice(at + 1);
    if (kind === 1) header = header.slice(0, at) + header.slice(at + pick(8));
    if (kind === 2)
      header = header.replace(/\d+/g, (number) => (pick(3) ? number : (WORDS[pick(WORDS.length)] ?? number)));
    if (kind === 3) header = header.slice(0, at) + header.slice(pick(header.length));
    if (kind === 4) dataBytes = Math.max(0, dataBytes + pick(9) - 4);
    if (kind === 5)
      header = header.replace(/"[^"]*"/g, (text) => (pick(6) ? text : (WORDS[pick(WORDS.length)] ?? text)));
  }
  const file = fileOf(header, dataBytes);
  if (pick(10) === 0) file[pick(8)] = pick(256);
  return pick(10) === 0 ? file.subarray(0, pick(file.length + 1)) : file;
}

describe("mutations", () => {
  it.each([1, 2, 3])("of seed %d are read or refused", { timeout: 3_600_000 }, async (seed) => {
    const draw = random(seed);
    longestMs = 0;
    const counts = { read: 0, refused: 0 };
    for (let i = 0; i < CASES; i++) counts[(await read(mutated(draw))) === undefined ? "refused" : "read"]++;
    console.log(
      `safetensors, seed ${seed}: ${counts.read} read, ${counts.refused} refused, ${longestMs.toFixed(0)} ms at most`,
    );
    expect(counts.read).toBeGreaterThan(0);
    expect(counts.refused).toBeGreaterThan(0);
  });
});

describe("a header of thirty megabytes", () => {
  const repeated = (part: (i: number) => string, bytes = 30_000_000) => {
    const parts: string[] = [];
    for (let length = 0, i = 0; length < bytes; i++) {
      parts.push(part(i));
      length += (parts.at(-1) as string).length + 1;
    }
    return parts.join(",");
  };

  it.each([
    ["tiny tensors", () => `{${repeated((i) => `"${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`)}}`],
    ["one endless shape", () => `{"a":{"dtype":"U8","data_offsets":[0,0],"shape":[${repeated(() => "0")}]}}`],
    ["two tensors of one endless name", () => `{"${"x".repeat(1e7)}":{},"${"x".repeat(1e7)}":{}}`],
    ["spaces", () => " ".repeat(3e7)],
    ["nothing but brackets", () => "[".repeat(3e7)],
  ])("of %s is refused soon", { timeout: 30_000 }, async (_, header) => {
    expect(await read(fileOf(header(), 0))).toBeUndefined();
  });
});
