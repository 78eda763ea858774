// What a file is that is not what it should be: told by its first bytes, with what to do. Loaded when one comes up.
import { InvalidFileError } from "../../device/errors.ts";
import { LENGTH_BYTES, MAX_HEADER_BYTES, statedLength } from "./header.ts";

/**
 * The error for a file whose first bytes give no header length; `first` is as much of its start as helps to name it.
 */
export function notSafetensors(file: string, first: Uint8Array, fileSize: number): InvalidFileError {
  const advice = "it is cut off or not a safetensors file; download it again";
  const other = otherFormat(first) ?? (/^\s*[{[]/.test(asText(first)) ? "is JSON, not a safetensors file" : undefined);
  if (other) return new InvalidFileError(`${file} ${other}`);
  if (fileSize < LENGTH_BYTES) return new InvalidFileError(`${file} has only ${fileSize} bytes: ${advice}`);
  const length = statedLength(first);
  return new InvalidFileError(
    length > MAX_HEADER_BYTES
      ? `${file} states a header of ${length} bytes, more than the ${MAX_HEADER_BYTES} allowed: ${advice}`
      : `${file} states a header of ${length} bytes, but only ${fileSize - LENGTH_BYTES} follow: ${advice}`,
  );
}

const FORMATS: readonly (readonly [RegExp, string])[] = [
  [/^PK\x03\x04/, "is a zip archive, probably a PyTorch .bin or .pt file: convert it to safetensors"],
  [/^\x80[\x02-\x05]/, "is a Python pickle (PyTorch .bin or .pt), which can run code: convert it to safetensors"],
  [/^version https:\/\/git-lfs/, "is a git-lfs pointer, not the file itself: run `git lfs pull` or download it again"],
  [/^\s*<(!doctype|html|\?xml|head|body)/i, "is a web page, probably an error or login page: check the address"],
  [/^GGUF/, "is a GGUF file: use the model's safetensors file"],
  [/^\x93NUMPY/, "is a NumPy array: use the model's safetensors file"],
  [/^\x89HDF/, "is an HDF5 file (Keras): use the model's safetensors file"],
  [/^$/, "is empty: download it again"],
];

/** Says which other binary or text format a file's first bytes belong to, and what to do. */
export function otherFormat(first: Uint8Array): string | undefined {
  const text = asText(first);
  return FORMATS.find(([pattern]) => pattern.test(text))?.[1];
}

function asText(first: Uint8Array): string {
  return String.fromCharCode(...first.subarray(0, 64));
}
