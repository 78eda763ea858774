#!/usr/bin/env node
// The command `webgpu-vision`: reads the command line, runs it, and ends with its exit code: 0 ok, 1 failure, 2 wrong
// usage, 130 on Ctrl-C.
import type { Command } from "commander";
import type { Context, GlobalOptions } from "./context.ts";
import { describeFailure, EXIT } from "./failure.ts";
import { notesDescriptor, relaunch } from "./launch.ts";
import { makeProgram } from "./program.ts";
import { Terminal } from "./terminal.ts";

// Ctrl-C reaches a launched process twice: from the terminal and from the process that launched it.
const SAME_PRESS_MS = 500;

const cancelled = new AbortController();
let terminal = new Terminal({ fd: notesDescriptor() });
let exitCode: number = EXIT.OK;

/** Runs the work of a command here, or in a process of its own where the GPU asks for one. */
async function run(command: Command, work: (context: Context) => Promise<number>): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>();
  const launched = await relaunch(options.quiet === true);
  if (launched !== undefined) {
    exitCode = launched;
    return;
  }
  terminal = new Terminal({ isQuiet: options.quiet, fd: notesDescriptor() });
  cancelOnSignals();
  exitCode = await work({ options, terminal, signal: cancelled.signal });
}

/** The first Ctrl-C asks the command to end, the second one ends it. */
function cancelOnSignals(): void {
  let pressedAt: number | undefined;
  const cancel = () => {
    if (pressedAt !== undefined && performance.now() - pressedAt > SAME_PRESS_MS) end(EXIT.CANCELLED);
    pressedAt ??= performance.now();
    cancelled.abort();
  };
  process.on("SIGINT", cancel);
  process.on("SIGTERM", cancel);
}

function fail(error: unknown): void {
  const { code, message } = describeFailure(error, cancelled.signal.aborted);
  exitCode = code;
  terminal.close();
  if (message) terminal.error(message);
}

/** Ends at once: Dawn may hold the process otherwise. */
function end(code: number): never {
  terminal.close();
  process.exit(code);
}

process.on("uncaughtException", (error) => {
  fail(error);
  end(exitCode);
});

// Whoever reads our output may have enough of it: `webgpu-vision embed … | head -1`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") fail(error);
  end(error.code === "EPIPE" ? EXIT.OK : EXIT.FAILURE);
});

await makeProgram(run).parseAsync().catch(fail);
process.stdout.write("", () => end(exitCode));
