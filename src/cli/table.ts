// Text in columns, bars and short numbers, for terminals.
import { printableLine } from "./printable.ts";

/** Rows as lines of aligned columns; `align` has one letter a column: l or r. */
export function table(texts: readonly (readonly string[])[], align: string, indent = ""): string {
  const rows = texts.map((row) => row.map(printableLine));
  const widths = [...align].map((_, i) => Math.max(0, ...rows.map((row) => width(row[i] ?? ""))));
  const lines = rows.map((row) => row.map((cell, i) => pad(cell, widths[i] ?? 0, align[i] === "r")));
  return lines.map((cells) => `${indent}${cells.join("  ").trimEnd()}`).join("\n");
}

/** Names and values under each other; values that are undefined are left out. */
export function pairs(values: Readonly<Record<string, string | undefined>>): string {
  const rows = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return table(rows, "ll", "  ");
}

/** A bar of `size` cells, full at 1, in eighths of a cell. */
export function bar(share: number, size = 20): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * size * 8) || 0;
  return ("█".repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]).padEnd(size);
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** 1234567 as "1.2 M". */
export function short(count: number, unit = ""): string {
  const [power, prefix] = PREFIXES.find(([least]) => Math.abs(count) >= least) ?? [1, ""];
  const text = power === 1 ? String(count) : (count / power).toFixed(1);
  return `${text} ${prefix}${unit}`.trimEnd();
}

const PREFIXES: readonly (readonly [number, string])[] = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

function pad(cell: string, size: number, isRight: boolean): string {
  const space = " ".repeat(Math.max(0, size - width(cell)));
  return isRight ? space + cell : cell + space;
}

/** Columns that a text takes: accents take none, East Asian characters and emoji two. */
function width(text: string): number {
  let columns = 0;
  for (const character of text) {
    if (!/\p{Mark}/u.test(character)) columns += WIDE.test(character) ? 2 : 1;
  }
  return columns;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
