// What a command line names as pictures: files, folders with all pictures in them, patterns that the shell left as they
// are, URLs, and `-` for the standard input. What is not there is known before any model is loaded.
import { stat } from "node:fs/promises";
import { basename, extname, isAbsolute, relative, sep } from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";
import { UsageError } from "../failure.ts";
import { EXTENSIONS, findPictures, leftOutNote, messageOf, type PictureFailure, STDIN } from "./pictures.ts";

/** A picture of a command. */
export interface PictureInput {
  /** For people and in results: the path or URL. */
  readonly path: string;
  /** Within the folder that was named; the file's own name otherwise. */
  readonly name: string;
  /** What is decoded: the path or URL, or the bytes of the standard input. */
  readonly image: string | Uint8Array;
}

/** What was named, in its order. */
export interface NamedPictures {
  readonly inputs: readonly PictureInput[];
  /** What is not there. */
  readonly failures: readonly PictureFailure[];
  /** Lines on what was left out. */
  readonly notes: readonly string[];
}

/** Reads the standard input to its end. */
export type ReadStdin = () => Promise<Uint8Array>;

/** Throws UsageError where the standard input is asked for twice: it can be read once. */
export function checkArguments(args: readonly string[]): void {
  if (args.filter((arg) => arg === "-").length > 1) {
    throw new UsageError("- is given twice, but the standard input holds one picture");
  }
}

/** @throws UsageError for `-` given twice; the signal's reason when it was aborted. */
export async function namedPictures(
  args: readonly string[],
  signal?: AbortSignal,
  readStdin: ReadStdin = allOfStdin,
): Promise<NamedPictures> {
  checkArguments(args);
  const inputs: PictureInput[] = [];
  const failures: PictureFailure[] = [];
  const notes: string[] = [];
  for (const arg of args) {
    signal?.throwIfAborted();
    try {
      const pictures = arg === "-" ? [await fromStdin(readStdin)] : await inputsOf(arg, notes, signal);
      inputs.push(...pictures);
    } catch (error) {
      signal?.throwIfAborted();
      failures.push({ path: arg === "-" ? STDIN : arg, message: messageOf(error) });
    }
  }
  return { inputs, failures, notes };
}

async function fromStdin(readStdin: ReadStdin): Promise<PictureInput> {
  const image = await readStdin();
  if (image.length === 0) throw new Error("the standard input is empty, expected the bytes of a picture");
  return { path: STDIN, name: STDIN, image };
}

async function allOfStdin(): Promise<Uint8Array> {
  if (process.stdin.isTTY)
    throw new Error("- reads the standard input, which is this terminal: pipe a picture into it");
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return new Uint8Array(Buffer.concat(parts));
}

async function inputsOf(arg: string, notes: string[], signal?: AbortSignal): Promise<PictureInput[]> {
  if (/^(https?|data):/i.test(arg)) return [{ path: arg, name: nameOfUrl(arg), image: arg }];
  if (/^file:/i.test(arg)) return [await fileInput(new URL(arg).pathname, arg)];
  const stats = await stat(arg).catch((error: NodeJS.ErrnoException) => error);
  if (!(stats instanceof Error)) return stats.isDirectory() ? inFolder(arg, notes, signal) : [fileAt(arg)];
  if (stats.code === "ENOENT" && isDynamicPattern(arg)) return matching(arg, notes, signal);
  if (stats.code === "ENOENT" || stats.code === "ENOTDIR") throw new Error(`there is no file ${arg}: check the path`);
  throw new Error(`${arg} cannot be read (${stats.code})`);
}

function fileAt(path: string): PictureInput {
  return { path, name: basename(path), image: path };
}

async function fileInput(path: string, url: string): Promise<PictureInput> {
  const stats = await stat(decodeURIComponent(path)).catch(() => undefined);
  if (!stats) throw new Error(`there is no file ${url}: check the path`);
  return { path: url, name: basename(decodeURIComponent(path)), image: url };
}

function nameOfUrl(url: string): string {
  return /^data:/i.test(url) ? "picture" : basename(url.replace(/[?#].*$/, ""));
}

async function inFolder(folder: string, notes: string[], signal?: AbortSignal): Promise<PictureInput[]> {
  const { pictures, leftOut } = await findPictures(folder, signal);
  const note = leftOutNote(leftOut);
  if (note) notes.push(note);
  if (pictures.length === 0) throw new Error(`no pictures in ${folder}: looked for ${EXTENSIONS.join(", ")}`);
  return pictures.map(({ path }) => ({ path, name: slashes(relative(folder, path)), image: path }));
}

/** A pattern that the shell left alone (it was quoted, or matched nothing there), as shells with `**` read it. */
async function matching(pattern: string, notes: string[], signal?: AbortSignal): Promise<PictureInput[]> {
  const paths = await glob(slashes(pattern), {
    absolute: isAbsolute(pattern),
    onlyFiles: false,
    expandDirectories: false,
    ...(signal && { signal }),
  });
  const pictures = new Map<string, PictureInput>();
  for (const path of paths.sort()) {
    if (path.endsWith("/")) {
      const inside = await inFolder(path.slice(0, -1), notes, signal).catch(() => []);
      for (const input of inside) pictures.set(input.path, input);
    } else if (EXTENSIONS.includes(extname(path).toLowerCase()) && !pictures.has(path))
      pictures.set(path, fileAt(path));
  }
  if (pictures.size > 0) return [...pictures.values()];
  const why = paths.length === 0 ? "check the pattern" : `what does is none of ${EXTENSIONS.join(", ")}`;
  throw new Error(`no picture matches ${pattern}: ${why}`);
}

function slashes(path: string): string {
  return sep === "/" ? path : path.replaceAll(sep, "/");
}
