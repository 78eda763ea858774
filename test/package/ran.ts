// Programs that tests start, and what they printed.
import { type SpawnOptionsWithoutStdio, spawn } from "node:child_process";

export interface Ran {
  readonly code: number | null;
  /** What it printed, to stdout and stderr. */
  readonly output: string;
}

/** Runs a program to its end; a signal or a timeout among the options ends it before. */
export function ran(program: string, args: readonly string[], options: SpawnOptionsWithoutStdio): Promise<Ran> {
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

/** The first line that speaks of an error, for a table. A bundle, which Node shows where it fails, is one long line. */
export function complaint({ code, output }: Ran): string {
  const lines = output.split("\n").filter(({ length }) => length < 1000);
  const line = lines.find((text) => /error|cannot|can't|failed|not found/i.test(text)) ?? "";
  return `exit code ${code}: ${line.trim().slice(0, 160)}`;
}
