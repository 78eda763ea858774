// Runs the command line as a user does: as a process of its own, from a bundle of the source.
import { type ChildProcess, spawn } from "node:child_process";
import { bundleForNode } from "../../scripts/bundle.mjs";

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunCliOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Called with all of stdout so far, each time there is more. */
  readonly onStdout?: (text: string, child: ChildProcess) => void;
}

let bundle: Promise<string> | undefined;

export async function runCli(args: readonly string[], { env, onStdout }: RunCliOptions = {}): Promise<CliResult> {
  bundle ??= bundleForNode("src/cli/main.ts");
  const child = spawn(process.execPath, [await bundle, ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text.stdout += part;
    onStdout?.(text.stdout, child);
  });
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    text.stderr += part;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...text }));
  });
}
