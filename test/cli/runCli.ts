// Runs the command line. Most commands run within the test's process, on the device that tests share, so that a
// pipeline is compiled once and not for every command. A command whose environment, signals or output as it comes
// matter runs as a user's does: as a process of its own, from a bundle of the source.
import { type ChildProcess, spawn } from "node:child_process";
import type { Command } from "commander";
import { bundleForNode } from "../../scripts/bundle.mjs";
import type { GlobalOptions } from "../../src/cli/context.ts";
import { describeFailure, EXIT } from "../../src/cli/failure.ts";
import { printable } from "../../src/cli/printable.ts";
import { makeProgram } from "../../src/cli/program.ts";
import { Terminal } from "../../src/cli/terminal.ts";
import { testDevice } from "../adapters.ts";

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunCliOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Called with all of stdout so far, each time there is more. */
  readonly onStdout?: (text: string, child: ChildProcess) => void;
  /** Kills the process when it is aborted. */
  readonly killedBy?: AbortSignal;
}

export async function runCli(args: readonly string[], options: RunCliOptions = {}): Promise<CliResult> {
  return options.env || options.onStdout ? runCliProcess(args, options) : runCliHere(args);
}

/** Keeps what a command says, in place of a terminal. */
class RecordingTerminal extends Terminal {
  stdout = "";
  stderr = "";

  override write(text: string): void {
    this.stdout += printable(text);
  }

  override error(text: string): void {
    this.stderr += `${printable(text)}\n`;
  }
}

/** Does what src/cli/main.ts does, but for what it does to its process. */
async function runCliHere(args: readonly string[]): Promise<CliResult> {
  // Of the program's own words, which are usage and help, nothing depends on the options.
  const said = { stdout: "", stderr: "" };
  let terminal = new RecordingTerminal();
  let code: number = EXIT.OK;
  const program = makeProgram(async (command, work) => {
    const options = command.optsWithGlobals<GlobalOptions>();
    terminal = new RecordingTerminal({ isQuiet: options.quiet === true });
    code = await work({ options, terminal, signal: new AbortController().signal, device: await testDevice() });
  });
  const record = (command: Command) => {
    command.configureOutput({
      writeOut: (text) => {
        said.stdout += text;
      },
      writeErr: (text) => {
        said.stderr += text;
      },
    });
    command.commands.forEach(record);
  };
  record(program);
  await program.parseAsync(args, { from: "user" }).catch((error: unknown) => {
    const failure = describeFailure(error);
    code = failure.code;
    if (failure.message) terminal.error(failure.message);
  });
  return { code, stdout: said.stdout + terminal.stdout, stderr: said.stderr + terminal.stderr };
}

let bundle: Promise<string> | undefined;

/** Runs a command as a process of its own. */
export async function runCliProcess(
  args: readonly string[],
  { env, onStdout, killedBy }: RunCliOptions = {},
): Promise<CliResult> {
  bundle ??= bundleForNode("src/cli/main.ts");
  const child = spawn(process.execPath, [await bundle, ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  killedBy?.addEventListener("abort", () => child.kill("SIGKILL"));
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
