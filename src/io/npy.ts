// NumPy's .npy: one array a file, so that Python reads what we wrote with np.load and needs no package for it.
// Format: numpy.lib.format, version 1.0: magic, version, header length (u16), header (a Python dict), raw elements.
import { ArgumentError, InvalidFileError } from "../device/errors.ts";

const MAGIC = "\x93NUMPY";
const PREAMBLE_BYTES = 10;
const ALIGNMENT = 64;

/** An array read from an .npy file. */
export interface NpyArray {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/**
 * The bytes of an .npy file with float32 elements in row-major order.
 *
 * @throws ArgumentError when the shape does not hold as many elements as there are.
 * @example
 * await writeFile("image.npy", writeNpy(embedding.data, embedding.shape));     // np.load gives shape (1, 512)
 */
export function writeNpy(data: Float32Array, shape: readonly number[]): Uint8Array {
  const expected = shape.reduce((product, size) => product * size, 1);
  if (data.length !== expected) {
    throw new ArgumentError(`[npy] data has ${data.length} elements, shape [${shape.join(", ")}] holds ${expected}`);
  }
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`;
  const offset = Math.ceil((PREAMBLE_BYTES + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = `${dictionary.padEnd(offset - PREAMBLE_BYTES - 1)}\n`;
  const file = new Uint8Array(offset + data.length * 4);
  const view = new DataView(file.buffer);
  for (let i = 0; i < MAGIC.length; i++) file[i] = MAGIC.charCodeAt(i);
  file[6] = 1;
  view.setUint16(8, header.length, true);
  for (let i = 0; i < header.length; i++) file[PREAMBLE_BYTES + i] = header.charCodeAt(i);
  new Float32Array(file.buffer, offset).set(data); // WebGPU's hosts are little-endian, as the file is
  return file;
}

/**
 * Reads an .npy file of float32 elements in row-major order.
 *
 * @throws InvalidFileError when it is something else.
 */
export function readNpy(file: Uint8Array): NpyArray {
  const text = (start: number, end: number) => String.fromCharCode(...file.subarray(start, end));
  if (file.length < PREAMBLE_BYTES || text(0, 6) !== MAGIC) {
    throw new InvalidFileError("[npy] the file does not start with NumPy's magic: it is not an .npy file");
  }
  if (file[6] !== 1)
    throw new InvalidFileError(`[npy] the file has version ${file[6]}, expected 1: save it with np.save`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const offset = PREAMBLE_BYTES + view.getUint16(8, true);
  const header = text(PREAMBLE_BYTES, Math.min(offset, file.length));
  const match = /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(([\d, ]*)\), \} *\n$/.exec(header);
  if (!match) {
    throw new InvalidFileError(
      `[npy] the header is ${JSON.stringify(header.trim())}, expected float32 in row-major order`,
    );
  }
  const shape = (match[1] ?? "")
    .split(",")
    .map((size) => size.trim())
    .filter((size) => size !== "")
    .map(Number);
  const bytes = shape.reduce((product, size) => product * size, 4);
  if (file.length - offset !== bytes) {
    throw new InvalidFileError(
      `[npy] ${file.length - offset} bytes follow the header, expected ${bytes} for shape [${shape.join(", ")}]`,
    );
  }
  return { data: new Float32Array(new Uint8Array(file).slice(offset).buffer), shape };
}
