// What is wrong with a prompt, in words. Loaded where one is wrong.
import { ArgumentError } from "../../device/errors.ts";

/** A prompt as a caller without types may give it. */
interface Given {
  readonly points?: ArrayLike<unknown> | undefined;
  readonly box?: unknown;
  readonly maskInput?: ArrayLike<number> | undefined;
}

/** What tells right from wrong (prompts.ts), given by who has it. */
interface Rules {
  /** Of a mask prompt. */
  readonly side: number;
  /** Points of a prompt. */
  readonly most: number;
  readonly isList: (value: unknown) => boolean;
  readonly isPoint: (point: unknown) => boolean;
  readonly isBox: (box: unknown) => boolean;
}

export function severalPictures(): ArgumentError {
  return new ArgumentError("encodeImage of Sam takes one picture at a time");
}

/** What is wrong with `boxes`, which are no list, or with what is given beside them. */
export function wrongBoxes(areList: boolean, boxes: unknown): string {
  if (!areList) return `boxes is ${boxes}, expected a list of [x0, y0, x1, y1]`;
  return "boxes are prompts of their own: use predictBatch to give each further points or a mask";
}

/** What is wrong with prompts that are no list. */
export function wrongList(prompts: unknown): string {
  return `predictBatch got ${prompts}, expected a list of prompts`;
}

/** What is wrong with a prompt that cannot be meant. */
export function whatIsWrong(prompt: Given, { side, most, isList, isPoint, isBox }: Rules): string {
  if (!isObject(prompt)) return `a prompt is ${shown(prompt)}, expected { points, box, maskInput }`;
  const { points = [], box, maskInput } = prompt;
  if (!isList(points)) return `points is ${shown(points)}, expected a list of { x, y, label }`;
  if (points.length > most) return `${points.length} points, expected at most ${most}`;
  const wrong = Array.from(points).find((point) => !isPoint(point));
  const { x, y, label } = (wrong ?? {}) as { readonly x?: unknown; readonly y?: unknown; readonly label?: unknown };
  if (wrong !== undefined && isPoint({ x, y })) {
    return `a point has the label ${shown(label)}, expected 1 (inside the object) or 0 (outside)`;
  }
  if (!Array.from(points).every(isPoint)) {
    const place = typeof x === "number" && typeof y === "number" ? `at ${x}, ${y}` : shown(wrong);
    return `a point is ${place}, expected { x, y } in pixels of the picture`;
  }
  if (box !== undefined && !isBox(box)) {
    return `box is ${shown(box)}, expected [x0, y0, x1, y1]: left, top, right, bottom`;
  }
  if (maskInput === undefined)
    return "the prompt is empty: give points, a box or maskInput (generateMasks finds everything)";
  const expected = `${side * side}: lowResLogits of an earlier result`;
  if (typeOf(maskInput) !== "Float32Array") {
    return `maskInput is ${shown(maskInput)}, expected a Float32Array of ${expected}`;
  }
  if (maskInput.length !== side * side) return `maskInput has ${maskInput.length} elements, expected ${expected}`;
  return "maskInput has a NaN or an infinity, expected logits";
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function typeOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** What a caller gave: short, and for values that have no text too. */
function shown(value: unknown, depth = 0): string {
  if (Array.isArray(value) && value.length <= 8 && depth < 2) {
    return `[${Array.from(value, (part) => shown(part, depth + 1)).join(", ")}]`;
  }
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return `${typeOf(value)} of ${(value as ArrayLike<unknown>).length} elements`;
  }
  if (isObject(value) && depth < 2) {
    const parts = Object.entries(value).map(([name, part]) => `${name}: ${shown(part, depth + 1)}`);
    return `{ ${parts.join(", ")} }`;
  }
  return typeof value === "string" ? JSON.stringify(value) : isObject(value) ? typeOf(value) : String(value);
}
