// The safetensors header: eight bytes of length, then JSON that names each tensor's dtype, shape and place. A header is
// the one part of a checkpoint that a stranger wrote and we parse, so nothing in it is believed: what the official
// library refuses is refused here too, and equal names as well (it lets the last one win).
// https://github.com/huggingface/safetensors#format

import { InvalidFileError } from "../../device/errors.ts";
import { bitsOf, isStoredDType, STORED_DTYPES, type StoredDType } from "./dtypes.ts";
import { parseStrictJson, type StrictJson } from "./strictJson.ts";

/** Longest header that is read, as in the official library. */
export const MAX_HEADER_BYTES = 100_000_000;
/** Bytes before the header: its length as a little-endian u64. */
export const LENGTH_BYTES = 8;

/** A usize of Rust: the lengths of a shape may be so large where one of them is 0. */
const LARGEST_SIZE = (1n << 64n) - 1n;

/** Where one tensor lies; offsets count from the end of the header. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** In the order of the data. */
  readonly tensors: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Length of the header from the first eight bytes; undefined when it passes the cap or the file's end. */
export function headerLength(first: Uint8Array, fileSize: number): number | undefined {
  if (first.byteLength < LENGTH_BYTES) return undefined;
  const length = statedLength(first);
  return length <= MAX_HEADER_BYTES && length <= fileSize - LENGTH_BYTES ? Number(length) : undefined;
}

/** What the first eight bytes say. */
export function statedLength(first: Uint8Array): bigint {
  return new DataView(first.buffer, first.byteOffset).getBigUint64(0, true);
}

/** Parses and checks a header. `dataBytes` is what follows it in the file. */
export function parseHeader(file: string, bytes: Uint8Array, dataBytes: number): Header {
  const fail = (what: string): never => {
    throw new InvalidFileError(`${file} has an invalid safetensors header: ${what}`);
  };
  const root = parseJson(bytes, fail);
  if (!(root instanceof Map)) return fail("expected a JSON object");
  const metadata = parseMetadata(root.get("__metadata__"), fail);
  root.delete("__metadata__");
  const tensors = [...root].map(([name, value]) => parseTensor(name, value, fail));
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const covered = checkLayout(tensors, fail);
  if (covered > dataBytes) {
    throw new InvalidFileError(
      `${file} is cut off: its tensors need ${covered} bytes, ${dataBytes} are there; download it again`,
    );
  }
  if (covered < dataBytes) fail(`its tensors cover ${covered} of the ${dataBytes} bytes that follow`);
  return { tensors, metadata };
}

type Fail = (what: string) => never;

function parseJson(bytes: Uint8Array, fail: Fail): StrictJson {
  try {
    return parseStrictJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    return fail(error instanceof SyntaxError ? `not JSON: ${error.message}` : "not UTF-8 text");
  }
}

function parseMetadata(value: StrictJson | undefined, fail: Fail): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (!(value instanceof Map)) return fail("__metadata__ must be an object of strings");
  for (const [name, text] of value) {
    if (typeof text !== "string") fail(`__metadata__ must hold strings, ${show(name)} is none`);
  }
  return Object.fromEntries(value) as Record<string, string>; // defines "__proto__" as a plain property
}

function parseTensor(name: string, value: StrictJson, fail: Fail): TensorEntry {
  if (!(value instanceof Map)) return fail(`tensor ${show(name)} must be an object`);
  const dtype = value.get("dtype");
  if (typeof dtype !== "string" || !isStoredDType(dtype)) {
    return fail(`tensor ${show(name)} has dtype ${show(dtype)}, known are ${STORED_DTYPES.join(", ")}`);
  }
  const lengths = sizes(value.get("shape"), LARGEST_SIZE);
  if (!lengths) return fail(`tensor ${show(name)} has shape ${show(value.get("shape"))}, expected a list of sizes`);
  const offsets = sizes(value.get("data_offsets"), BigInt(Number.MAX_SAFE_INTEGER));
  const [begin, end] = offsets?.map(Number) ?? [];
  if (offsets?.length !== 2 || begin === undefined || end === undefined || begin > end) {
    return fail(`tensor ${show(name)} has data_offsets ${show(value.get("data_offsets"))}, expected [begin, end]`);
  }
  const bytes = byteLength(lengths, dtype);
  const what = `tensor ${show(name)}, ${dtype} ${show(value.get("shape"))},`;
  if (bytes === undefined) return fail(`${what} has a size beyond 64 bits or ends within a byte`);
  if (bytes !== BigInt(end - begin)) {
    return fail(`${what} needs ${bytes} bytes but its data_offsets span ${end - begin}`);
  }
  return { name, dtype, shape: lengths.map(Number), begin, end };
}

/** A list of whole numbers from 0 to `largest`, else undefined. */
function sizes(value: StrictJson | undefined, largest: bigint): bigint[] | undefined {
  const areSizes = Array.isArray(value) && value.every((n) => typeof n === "bigint" && n >= 0n && n <= largest);
  return areSizes ? (value as bigint[]) : undefined;
}

/**
 * Bytes of a tensor; undefined when the product passes 64 bits on the way, or ends within a byte, as in the official
 * library (safetensors/src/tensor.rs, Metadata::validate: checked_mul in the order of the shape). So a length beyond
 * what a file can hold may stand beside a zero.
 */
export function byteLength(shape: readonly bigint[], dtype: StoredDType): bigint | undefined {
  let bits = 1n;
  for (const size of [...shape, BigInt(bitsOf(dtype))]) {
    bits *= size;
    if (bits >= 1n << 64n) return undefined;
  }
  return bits % 8n === 0n ? bits / 8n : undefined;
}

/** Tensors must follow one another without overlap or hole. Returns where the last one ends. */
function checkLayout(tensors: readonly TensorEntry[], fail: Fail): number {
  let at = 0;
  for (const { name, begin, end } of tensors) {
    if (begin < at) fail(`tensor ${show(name)} begins at ${begin}, inside the one before it, which ends at ${at}`);
    if (begin > at) fail(`no tensor covers bytes ${at} to ${begin}, before ${show(name)}`);
    at = end;
  }
  return at;
}

/** A value from the file for a message: short, quoted, on one line. */
function show(value: StrictJson | undefined): string {
  if (value instanceof Map) return "an object";
  if (Array.isArray(value)) return `[${value.slice(0, 8).map(show).join(", ")}${value.length > 8 ? ", …" : ""}]`;
  const text = typeof value === "bigint" ? `${value}` : (JSON.stringify(value) ?? "missing");
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
