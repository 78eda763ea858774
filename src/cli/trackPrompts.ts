// What `track` is shown: --object, --point and --box in the order of the command line, as prompts of named objects.
import { InvalidArgumentError } from "commander";
import type { VideoPrompt } from "../api/segmentedVideo.ts";
import { UsageError } from "./failure.ts";
import { type BoxPrompt, checkBox, numbers, type PointPrompt } from "./prompts.ts";

/** An option of the command line that shows something; without a frame it is of --frame. */
export type TrackArgument =
  | { readonly object: string }
  | { readonly point: PointPrompt; readonly frame: number | undefined; readonly isLabelled: boolean }
  | { readonly box: BoxPrompt; readonly frame: number | undefined };

/** What shows an object in a frame. */
export interface ObjectPrompt {
  readonly object: string;
  readonly frame: number;
  readonly points: readonly PointPrompt[];
  readonly box?: BoxPrompt;
}

/** Indices of a palette: the background has one of the 256. */
const MOST_OBJECTS = 255;
const LONGEST_NAME = 100;
/** What else is in the folder of --out. */
const TAKEN = new Set(["overlay", "palette", "masks.json", "overlay.mp4"]);
/** Names of devices, which Windows keeps in every folder. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/;

/** For --point: x,y, then the frame, then 0 for outside. */
export function readPoint(text: string): TrackArgument {
  const [x, y, frame, ...rest] = numbers(text);
  const [label = 1, ...more] = rest;
  if (x === undefined || y === undefined || !isFrame(frame) || (label !== 0 && label !== 1) || more.length > 0) {
    throw new InvalidArgumentError(
      "Expected x,y as in 420,310, or x,y,frame as in 420,310,12; x,y,frame,0 is a point outside the object.",
    );
  }
  return { point: { x, y, label }, frame, isLabelled: rest.length > 0 };
}

/** For --box: its corners, then the frame. */
export function readBox(text: string): TrackArgument {
  const [x0, y0, x1, y1, frame, ...more] = numbers(text);
  if (x0 === undefined || y0 === undefined || x1 === undefined || y1 === undefined || !isFrame(frame) || more.length) {
    throw new InvalidArgumentError(
      "Expected the corners x0,y0,x1,y1 as in 75,275,1725,850, or these and a frame as in 75,275,1725,850,12.",
    );
  }
  return { box: checkBox([x0, y0, x1, y1]), frame };
}

/** For --object: a name that is a folder's on every system. */
export function readObject(name: string): TrackArgument {
  const refuse = (why: string) => new InvalidArgumentError(`An object's name is that of its folder, and ${why}.`);
  if (name.trim() === "") throw refuse("this one is empty");
  if (/[\p{Cc}\p{Cf}\u2028\u2029/\\:*?"<>|]/u.test(name)) throw refuse("this one has a sign that no folder's has");
  if (/^[. ]|[. ]$/.test(name)) throw refuse("this one begins or ends with a dot or a space");
  if (new TextEncoder().encode(name).length > LONGEST_NAME)
    throw refuse(`this one has more than ${LONGEST_NAME} bytes`);
  const folded = name.toLowerCase();
  if (TAKEN.has(folded) || DEVICE.test(folded)) throw refuse("this one is taken for something else");
  return { object: name };
}

function isFrame(frame: number | undefined): boolean {
  return frame === undefined || (Number.isSafeInteger(frame) && frame >= 0);
}

/**
 * The prompts, by frame: points and a box of one object and frame are one prompt.
 *
 * @throws UsageError for what cannot be meant.
 */
export function objectPrompts(given: readonly TrackArgument[], defaultFrame: number): ObjectPrompt[] {
  const prompts = new Map<string, ObjectPrompt>();
  for (const { object, argument } of ofObjects(given)) {
    const frame = argument.frame ?? defaultFrame;
    const key = `${frame} ${object}`;
    const before = prompts.get(key) ?? { object, frame, points: [] };
    if ("point" in argument) prompts.set(key, { ...before, points: [...before.points, argument.point] });
    else if (before.box === undefined) prompts.set(key, { ...before, box: argument.box });
    else throw new UsageError(`object ${object} has two boxes in frame ${frame}: several boxes are several --object`);
  }
  return [...prompts.values()].sort((a, b) => a.frame - b.frame);
}

/** Of a point that `segment` reads otherwise: a third number is its label there. */
export function pointNotes(given: readonly TrackArgument[]): string[] {
  for (const argument of given) {
    if (!("point" in argument) || argument.frame !== 0 || argument.isLabelled) continue;
    const at = `${argument.point.x},${argument.point.y}`;
    return [`--point ${at},0 is inside the object, in frame 0; outside it is ${at},0,0`];
  }
  return [];
}

/** The objects in the order in which they are named. */
export function objectNames(given: readonly TrackArgument[]): string[] {
  return [...new Set(ofObjects(given).map(({ object }) => object))];
}

type Shown = Exclude<TrackArgument, { object: string }>;

function ofObjects(given: readonly TrackArgument[]): { object: string; argument: Shown }[] {
  const shown = given.filter((argument): argument is Shown => !("object" in argument));
  if (shown.length === given.length) return unnamed(shown);
  const names = given.flatMap((argument) => ("object" in argument ? [argument.object] : []));
  checkNames(names);
  const pairs: { object: string; argument: Shown }[] = [];
  let object: string | undefined;
  for (const argument of given) {
    if ("object" in argument) object = argument.object;
    else if (object !== undefined) pairs.push({ object, argument });
    else throw new UsageError("--point and --box belong to the --object before them, and the first has none: name it");
  }
  const bare = names.find((name) => !pairs.some((pair) => pair.object === name));
  if (bare !== undefined) throw new UsageError(`--object ${bare} is not shown: give --point or --box after it`);
  return pairs;
}

/** Without names several boxes are several objects, and all else is one. */
function unnamed(shown: readonly Shown[]) {
  const boxes = shown.filter((argument) => "box" in argument);
  if (boxes.length > 1 && boxes.length < shown.length) {
    throw new UsageError("several --box are several objects: --object NAME says to which of them a --point belongs");
  }
  if (boxes.length > MOST_OBJECTS) checkNames(boxes.map((_, i) => String(i + 1)));
  return shown.map((argument, i) => ({ object: boxes.length > 1 ? String(i + 1) : "1", argument }));
}

function checkNames(names: readonly string[]): void {
  const different = new Set(names);
  if (different.size > MOST_OBJECTS) {
    throw new UsageError(`there are ${different.size} objects, expected at most ${MOST_OBJECTS}: run it several times`);
  }
  const folders = new Map<string, string>();
  for (const name of different) {
    const other = folders.get(name.toLowerCase());
    if (other !== undefined) throw new UsageError(`${other} and ${name} are one folder on some systems: rename one`);
    folders.set(name.toLowerCase(), name);
  }
}

/** As `addPrompt` takes it. */
export function videoPrompt({ points, box }: ObjectPrompt): VideoPrompt {
  return { ...(points.length > 0 && { points }), ...(box && { box }) };
}
