// Writing safetensors files: probe outputs, embeddings, test data. The whole file is built in memory.

import { ArgumentError } from "../../device/errors.ts";
import { bitsOf, isStoredDType, STORED_DTYPES, type StoredDType } from "./dtypes.ts";
import { byteLength, LENGTH_BYTES } from "./header.ts";

/** A tensor to write. `data` holds the elements in row-major, little-endian order. */
export interface TensorData {
  /** Type as the file names it. */
  readonly dtype: StoredDType;
  /** Length of each axis. */
  readonly shape: readonly number[];
  /** Elements, row-major. */
  readonly data: ArrayBufferView;
}

/**
 * Writes a safetensors file. The layout is the official writer's: widest dtypes first, then by name, the header padded
 * with spaces to eight bytes so that data is aligned.
 *
 * @throws ArgumentError when data and shape disagree, or for a name or dtype that the format cannot hold.
 * @example
 * writeSafetensors({ probe: { dtype: "F32", shape: [2], data: new Float32Array([1, 2]) } }, { format: "pt" });
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, TensorData>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(tensors);
  for (const [name, tensor] of entries) checkTensor(name, tensor);
  const rank = ({ dtype }: TensorData) => STORED_DTYPES.indexOf(dtype);
  entries.sort(([a, left], [b, right]) => rank(right) - rank(left) || (a < b ? -1 : 1));
  let at = 0;
  const header: [string, unknown][] = metadata ? [["__metadata__", metadata]] : [];
  for (const [name, { dtype, shape, data }] of entries) {
    header.push([name, { dtype, shape, data_offsets: [at, at + data.byteLength] }]);
    at += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const padded = Math.ceil(json.byteLength / 8) * 8;
  const file = new Uint8Array(LENGTH_BYTES + padded + at);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + padded).set(json, LENGTH_BYTES);
  let to = LENGTH_BYTES + padded;
  for (const [, { data }] of entries) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), to);
    to += data.byteLength;
  }
  return file;
}

function checkTensor(name: string, { dtype, shape, data }: TensorData): void {
  const where = `[writeSafetensors] tensor ${JSON.stringify(name)}`;
  if (name === "__metadata__" || /\p{Surrogate}/u.test(name)) {
    throw new ArgumentError(`${where}: a safetensors file cannot hold this name`);
  }
  if (!isStoredDType(dtype)) throw new ArgumentError(`${where} has dtype ${dtype}, known: ${STORED_DTYPES.join(", ")}`);
  const sized = shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!sized || byteLength(shape.map(BigInt), dtype) !== BigInt(data.byteLength)) {
    const element = `${bitsOf(dtype)} bits each`;
    throw new ArgumentError(`${where} has shape [${shape}] of ${dtype} (${element}) but ${data.byteLength} bytes`);
  }
}
