// Runs a program as a process of its own and kills it at some moment: what comes after must find nothing lost, nothing
// mixed and nothing left over.
import { spawn } from "node:child_process";

/** How a program came to its end. */
export interface Ended {
  readonly wasKilled: boolean;
  /** Lines that it printed, whole ones alone. */
  readonly lines: readonly string[];
  readonly errors: string;
}

/** When a program is killed: some milliseconds after so many lines that it has printed. */
export interface Moment {
  readonly lines: number;
  readonly ms: number;
}

/** Starts a script, and kills it unless it has ended before. */
export function runAndKill(script: string, args: readonly string[], moment?: Moment): Promise<Ended> {
  const child = spawn(process.execPath, [script, ...args]);
  let [output, errors] = ["", ""];
  let isDue = false;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (!moment || isDue || linesOf(output).length < moment.lines) return;
    isDue = true;
    setTimeout(() => child.kill("SIGKILL"), moment.ms);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (_, signal) => {
      resolve({ wasKilled: signal === "SIGKILL", lines: linesOf(output), errors });
    });
  });
}

function linesOf(output: string): string[] {
  return output.split("\n").slice(0, -1);
}
