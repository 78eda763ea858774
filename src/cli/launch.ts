// Starts a command that needs a GPU in a process of its own, where the platform asks for that (Linux, whose WebGPU runs
// on Vulkan): the Vulkan loader reads its variables when a process starts, and Dawn writes warnings that no user can
// act on straight to file descriptor 2. So that one is read here, and the command's own words go to descriptor 3.
import { adapterVariables, dropWarnings, runCommand } from "./adapter.ts";

const LAUNCHED = "WEBGPU_VISION_LAUNCHED";
const NOTES = 3;

/** File descriptor for notes: stderr, or what the launching process gave for it. */
export function notesDescriptor(): number {
  return process.env[LAUNCHED] ? NOTES : 2;
}

/** Runs this process's command line again and gives its exit code; undefined when this process can do it itself. */
export async function relaunch(isQuiet: boolean): Promise<number | undefined> {
  if (process.env[LAUNCHED] || process.platform !== "linux") return undefined;
  const variables = { ...(await adapterVariables({ isQuiet })), [LAUNCHED]: "1" };
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  return runCommand(command, variables, { stdio: ["inherit", "inherit", "pipe", 2], onStart: dropWarnings });
}
