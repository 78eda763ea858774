// Help texts.

/** Examples for the end of a help text. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ webgpu-vision ${line}`).join("\n")}`;
}
