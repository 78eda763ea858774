// Values of a processor's settings, checked as they are taken. `what` is the file and the key, for messages.
import { CheckpointError } from "../../device/errors.ts";
import type { Rgb } from "../../kernels/normalizeImage.ts";
import type { Json } from "../fields.ts";
import type { Size } from "./recipe.ts";

/** Throws CheckpointError: what was expected, and what came. */
export function refuse(what: string, value: unknown, expected: string): never {
  throw new CheckpointError(`${what} is ${JSON.stringify(value)}, expected ${expected}`);
}

/** A part of a file, or all of it. */
export function section(value: unknown, what: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  return refuse(what, value, "a JSON object");
}

/** An edge of a picture. */
export function edge(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 8192) return value;
  return refuse(what, value, "a whole number of pixels from 1 to 8192");
}

/** One number for a square, or [height, width]. */
export function squareOrSize(value: unknown, what: string): Size {
  if (!Array.isArray(value)) return [edge(value, what), edge(value, what)];
  if (value.length !== 2) return refuse(what, value, "one number or [height, width]");
  return [edge(value[0], what), edge(value[1], what)];
}

export function positive(value: unknown, what: string): number {
  if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
  return refuse(what, value, "a positive number");
}

/** A colour: three numbers, or one that stands for all three, in a list or not. */
export function rgb(value: unknown, what: string): Rgb {
  const list = Array.isArray(value) ? value : [value];
  const [r, g = r, b = r] = list.length === 2 ? [] : list;
  const isRgb = list.length <= 3 && [r, g, b].every((n) => typeof n === "number" && Number.isFinite(n));
  return isRgb ? [r, g, b] : refuse(what, value, "three numbers, or one for all");
}

export function positiveRgb(value: unknown, what: string): Rgb {
  const divisors = rgb(value, what);
  return divisors.every((n) => n > 0) ? divisors : refuse(what, value, "three positive numbers, or one for all");
}

/** One of several names. */
export function oneOf<Name extends string>(value: unknown, names: readonly Name[], what: string): Name {
  return names.find((name) => name === value) ?? refuse(what, value, names.map((name) => `"${name}"`).join(", "));
}

/**
 * Throws CheckpointError for the first key that is not among the known ones and says something: null says nothing, and
 * what is off (`do_x: false`) changes nothing.
 */
export function refuseUnknown(json: Json, known: ReadonlySet<string>, file: string, reader: string): void {
  for (const [key, value] of Object.entries(json)) {
    if (known.has(key) || value === null || value === false) continue;
    throw new CheckpointError(
      `${file}: ${key} is ${JSON.stringify(value)}, which ${reader} does not know: remove it if pictures are ` +
        "prepared without it",
    );
  }
}
