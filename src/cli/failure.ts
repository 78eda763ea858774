// From an error to what a user of the command line sees: one line on stderr and an exit code, never a stack trace.
import { CommanderError } from "commander";
import { VisionError } from "../device/errors.ts";

export const EXIT = { OK: 0, FAILURE: 1, USAGE: 2, CANCELLED: 130 } as const;

/** A command line that cannot be meant as it is; the exit code is 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface Failure {
  readonly code: number;
  /** What to print on stderr; empty when it was printed already. */
  readonly message: string;
}

const REPORT =
  "This should not happen. Please report it, with what WEBGPU_VISION_DEBUG=1 prints when you run the command again.";

/** Judges an error. `isCancelled` says that the user pressed Ctrl-C. */
export function describeFailure(error: unknown, isCancelled = false): Failure {
  if (isCancelled) return { code: EXIT.CANCELLED, message: "cancelled" };
  // Commander has said it, or printed help.
  if (error instanceof CommanderError) return { code: error.exitCode === 0 ? EXIT.OK : EXIT.USAGE, message: "" };
  const trace = process.env.WEBGPU_VISION_DEBUG && error instanceof Error ? `\n${error.stack}` : "";
  if (error instanceof UsageError) return { code: EXIT.USAGE, message: `error: ${error.message}${trace}` };
  const message = error instanceof Error ? error.message : String(error);
  const isExpected = error instanceof VisionError || isSystemError(error);
  const [firstLine = ""] = message.split("\n");
  return {
    code: EXIT.FAILURE,
    message: isExpected ? `error: ${message}${trace}` : `error: ${firstLine}\n${REPORT}${trace}`,
  };
}

/** What the operating system says: no such file, no space, permission denied. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && "code" in error;
}
