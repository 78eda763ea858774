// Values of a tokenizer's files, and what is said of those that cannot be meant.
import { InvalidFileError } from "../device/errors.ts";
import type { Source } from "./source/source.ts";

export type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

export function invalid(source: Source, file: string, problem: string, cause?: unknown): InvalidFileError {
  return new InvalidFileError(
    `[tokenizer] ${file} of ${source.name} ${problem}. Expected the files that transformers' save_pretrained writes`,
    { cause },
  );
}
