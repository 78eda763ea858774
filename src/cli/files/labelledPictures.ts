// Pictures in a folder for each class, and their division into those to train on and those to measure on.
import { createHash } from "node:crypto";
import { relative, sep } from "node:path";
import { ArgumentError, NotFoundError } from "../../device/errors.ts";
import { EXTENSIONS, findPictures, leftOutNote } from "./pictures.ts";

export interface LabelledPicture {
  readonly path: string;
  /** Name of the folder in the folder that was asked for. */
  readonly label: string;
}

/**
 * The pictures of all classes. Those that lie beside the classes' folders have no class and are left out; `warn` is
 * told of those, and of pictures that no decoder reads.
 */
export async function findLabelled(
  folder: string,
  signal?: AbortSignal,
  warn: (text: string) => void = () => {},
): Promise<LabelledPicture[]> {
  const { pictures, leftOut } = await findPictures(folder, signal);
  const note = leftOutNote(leftOut);
  if (note) warn(note);
  const labelled = pictures.flatMap(({ path }) => {
    const parts = relative(folder, path).split(sep);
    return parts.length > 1 ? [{ path, label: parts[0] as string }] : [];
  });
  const beside = pictures.length - labelled.length;
  if (beside > 0 && labelled.length > 0) {
    warn(`warning: ${beside} pictures right in ${folder} are left out: those of a class lie in a folder of its name`);
  }
  if (labelled.length > 0) return labelled;
  const why = pictures.length ? "its pictures lie in no folder of a class" : `looked for ${EXTENSIONS.join(", ")}`;
  throw new NotFoundError(`no folders of pictures in ${folder}: ${why}`);
}

/** @throws ArgumentError unless there are at least two classes. */
export function checkClasses(folder: string, pictures: readonly LabelledPicture[]): void {
  const [first, ...others] = new Set(pictures.map(({ label }) => label));
  if (others.length === 0) {
    throw new ArgumentError(`${folder} has pictures of one class, ${first}: expected a folder for each of two or more`);
  }
}

export interface Division {
  readonly train: readonly LabelledPicture[];
  readonly test: readonly LabelledPicture[];
}

/** Takes this share of each class to measure on, and leaves one picture at least; a seed always takes the same. */
export function holdOut(pictures: readonly LabelledPicture[], share: number, seed: number): Division {
  const classes = new Map<string, LabelledPicture[]>();
  for (const picture of pictures) classes.set(picture.label, [...(classes.get(picture.label) ?? []), picture]);
  const train: LabelledPicture[] = [];
  const test: LabelledPicture[] = [];
  for (const group of classes.values()) {
    const count = Math.min(group.length - 1, Math.round(group.length * share));
    // A hash is a random order that is the same everywhere.
    const order = group.map((_, i) => createHash("sha256").update(`${seed} ${i}`).digest("hex"));
    const taken = new Set([...order].sort().slice(0, count));
    group.forEach((picture, i) => {
      (taken.has(order[i] as string) ? test : train).push(picture);
    });
  }
  if (test.length > 0) return { train, test };
  throw new ArgumentError(`--holdout ${share} of these classes is no picture: give a larger share, or --test`);
}
