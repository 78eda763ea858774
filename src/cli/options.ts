// Reading options: numbers, lists and files of lines. What cannot be meant throws before any work is done.
import { readFile } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { NotFoundError } from "../device/errors.ts";
import { UsageError } from "./failure.ts";

/** For options that are counts. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("Expected a whole number from 1.");
}

/** Pictures in one run: more fill a GPU better, and need more of its memory. */
export function batchOption(): Option {
  return new Option("--batch <count>", "pictures in one run of the model (default: 8)").argParser(positiveInteger);
}

const PICTURES = "files, folders with what is in them, quoted patterns or URLs of pictures; - is the standard input";

/** The argument of a command for pictures, and what it does with those that cannot be read. */
export function takesPictures(command: Command, argument = "<image...>"): Command {
  return command
    .argument(argument, PICTURES)
    .option("--strict", "end at the first picture that cannot be read (default: a warning, and exit code 1 at the end)")
    .option("--jsonl", "print a line of JSON for each picture");
}

/** For options that are shares: more than 0, 1 at most. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError("Expected a number above 0 and at most 1.");
}

/** For options that name a layer: from 0, or from -1 backwards. */
export function layerNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError("Expected whole numbers, as in 0 for the first or -1 for the last layer.");
}

export function layerNumbers(text: string): number[] {
  return [...new Set(text.split(",").map(layerNumber))];
}

/** For --size: pixels of the shortest edge, or HEIGHTxWIDTH. */
export function pictureSize(text: string): number | readonly [height: number, width: number] {
  const [, height, width] = /^([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?$/.exec(text) ?? [];
  if (height === undefined)
    throw new InvalidArgumentError("Expected pixels of the shortest edge as in 480, or HEIGHTxWIDTH as in 480x640.");
  return width === undefined ? Number(height) : [Number(height), Number(width)];
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
  const given = labelsFile === undefined ? pieces(labels ?? "", ",") : await readLines(labelsFile);
  if (given.length === 0) {
    throw new UsageError(
      `${labelsFile ?? "--labels"} holds no labels: expected ${labelsFile ? "one a line" : "a,b,c"}`,
    );
  }
  return [...new Set(given)];
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
