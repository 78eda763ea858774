// The code blocks of the README, CONTRIBUTING and the guides. The word after a block's language says what it is:
//   ts                     a program of its own, run in Node
//   ts continued           goes on where the block above it ends: one program
//   ts browser             a program of its own, run in Chromium
//   ts PATH, wgsl PATH     lines of a file of this repository, word for word
//   sh                     commands for a shell
//   js, python             another library's code, beside which ours stands
//   text                   what is shown, no code
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Block {
  /** Path from the root. */
  readonly file: string;
  /** Line of the file on which the code begins, from 1. */
  readonly line: number;
  readonly language: string;
  /** What follows the language. */
  readonly note: string;
  readonly code: string;
}

export const PAGES: readonly string[] = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

export function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

export function blocksOf(file: string): Block[] {
  const text = read(file);
  return [...text.matchAll(/^```(\w*) *(.*)\n([\s\S]*?)^```$/gm)].map((found) => {
    const [, language = "", note = "", code = ""] = found;
    return { file, line: text.slice(0, found.index).split("\n").length + 1, language, note: note.trim(), code };
  });
}

/** Blocks that are one program, in order. */
export interface Program {
  readonly name: string;
  readonly where: "node" | "browser";
  /** Each line on the line that it has on the page, so that a message names the right one. */
  readonly code: string;
}

/** The programs of a page. */
export function programsOf(file: string): Program[] {
  const programs: Program[] = [];
  for (const { line, language, note, code } of blocksOf(file)) {
    if (language !== "ts" || note.includes("/")) continue;
    const last = programs.at(-1);
    const padding = (from: string) => "\n".repeat(line - from.split("\n").length);
    if (note === "continued" && last) programs.pop();
    const before = note === "continued" && last ? last.code : "";
    programs.push({
      name: note === "continued" && last ? last.name : `${file}:${line}`,
      where: note === "continued" && last ? last.where : note === "browser" ? "browser" : "node",
      code: before + padding(before) + code,
    });
  }
  return programs;
}

/** The commands of a page, a line each, without their comments. */
export function commandsOf(file: string): { readonly name: string; readonly command: string }[] {
  return blocksOf(file)
    .filter(({ language }) => language === "sh")
    .flatMap(({ line, code }) =>
      code
        .split("\n")
        .map((text, i) => ({ name: `${file}:${line + i}`, command: text.replace(/(^|\s)#.*/, "").trim() })),
    )
    .filter(({ command }) => command !== "");
}
