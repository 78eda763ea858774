// Reading options: numbers, lists and files of lines. What cannot be meant throws before any work is done.
import { readFile } from "node:fs/promises";
import { InvalidArgumentError } from "commander";
import { NotFoundError } from "../device/errors.ts";
import { UsageError } from "./failure.ts";

/** For options that are counts. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("Expected a whole number from 1.");
}

/** For options that may be given several times. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** For --template. */
export function collectTemplate(value: string, before?: readonly string[]): string[] {
  if (value.includes("{}")) return collect(value, before);
  throw new InvalidArgumentError('It has no {} to put the label in, as in "a photo of a {}".');
}

export interface LabelOptions {
  readonly labels?: string;
  readonly labelsFile?: string;
}

/** The labels of --labels or --labels-file, without repetitions. */
export async function readLabels({ labels, labelsFile }: LabelOptions): Promise<string[]> {
  if ((labels === undefined) === (labelsFile === undefined)) {
    throw new UsageError("give the labels by one of --labels a,b,c and --labels-file FILE");
  }
  const found = labelsFile === undefined ? pieces(labels ?? "", ",") : await readLines(labelsFile);
  if (found.length === 0) {
    throw new UsageError(
      `${labelsFile ?? "--labels"} holds no labels: expected ${labelsFile ? "one a line" : "a,b,c"}`,
    );
  }
  return [...new Set(found)];
}

/** The lines of a text file that hold more than spaces. */
export async function readLines(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const reason =
      cause.code === "ENOENT" ? `there is no file ${path}: check the path` : `${path} cannot be read: ${cause.code}`;
    throw new NotFoundError(reason, { cause });
  });
  return pieces(text.replace(/^\ufeff/, ""), /\r?\n/);
}

function pieces(text: string, separator: string | RegExp): string[] {
  return text
    .split(separator)
    .map((piece) => piece.trim())
    .filter((piece) => piece !== "");
}
