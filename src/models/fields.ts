// Values of a JSON file, checked as they are taken; the fallback stands where a key is absent or null.
import { CheckpointError } from "../device/errors.ts";

export type Json = Readonly<Record<string, unknown>>;

/** A part of a file, and the file's name for messages. */
export interface Fields {
  readonly file: string;
  readonly json: Json;
}

/**
 * A value as text, to look it up or to tell it; "" where it is absent. String() would call what a file has as
 * `toString`.
 */
export function text(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** A value that is reckoned with before it is checked: no number where it is none. */
export function numeric(value: unknown): number {
  return typeof value === "number" ? value : Number.NaN;
}

export function object(value: unknown, name: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new CheckpointError(
    `${name} must be a JSON object, got ${value === undefined ? "nothing" : JSON.stringify(value)}`,
  );
}

export function number({ file, json }: Fields, key: string, fallback: number, low: number, high: number): number {
  const value = json[key] ?? fallback;
  if (typeof value === "number" && value >= low && value <= high) return value;
  const got = typeof value === "number" ? value : JSON.stringify(value); // JSON has no NaN
  throw new CheckpointError(`${file}: ${key} is ${got}, expected a number from ${low} to ${high}`);
}

export function integer(part: Fields, key: string, fallback: number, low: number, high: number): number {
  const value = number(part, key, fallback, low, high);
  if (Number.isInteger(value)) return value;
  throw new CheckpointError(`${part.file}: ${key} is ${value}, expected a whole number`);
}

/** Throws where a key that changes results has another value than the one that is read; absent and null are that. */
export function only({ file, json }: Fields, key: string, value: unknown): void {
  if ((json[key] ?? value) === value) return;
  throw new CheckpointError(`${file}: ${key} is ${JSON.stringify(json[key])}, expected ${JSON.stringify(value)}`);
}

/** The side of a square: a number, or [height, width] that are equal, as vision models' configurations may say it. */
export function side(part: Fields, key: string, fallback: number, low: number, high: number): number {
  const value = part.json[key];
  if (!Array.isArray(value)) return integer(part, key, fallback, low, high);
  const [height, width] = value;
  if (value.length === 2 && height === width) return integer({ ...part, json: { [key]: height } }, key, 0, low, high);
  throw new CheckpointError(
    `${part.file}: ${key} is ${JSON.stringify(value)}, expected a number or two that are equal: squares only are read`,
  );
}
