// Help texts.

/**
 * What --json and --jsonl of a command print, for its help text. `row` is what each result holds, `head` and `tail`
 * what comes before and after the results.
 */
export function jsonShape({ head = [], row, tail = [] }: JsonShape, notes = ""): string {
  const before = ["model", "dtype", ...head].map((key) => `"${key}", `).join("");
  const after = ["errors", ...tail].map((key) => `, "${key}"`).join("");
  return (
    `\nJSON:\n  --json   one document { ${before}"results": [row, ...]${after} },\n` +
    `           errors: [{ path, message }] of pictures that cannot be read\n` +
    `  --jsonl  the rows alone, a line each\n` +
    `  row      ${row}\n${notes ? `  ${notes}\n` : ""}`
  );
}

export interface JsonShape {
  readonly head?: readonly string[];
  readonly row: string;
  readonly tail?: readonly string[];
}

/** Examples for the end of a help text. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ webgpu-vision ${line}`).join("\n")}`;
}
