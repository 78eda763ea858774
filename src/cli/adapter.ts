// Gives WebGPU something to run on in Node: the machine's own driver if it has one, else SwiftShader. Its Vulkan loader
// is found by a variable that counts when a process starts, so the command runs again as a child that has it.
import { type ChildProcess, type StdioOptions, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import {
  asksForSwiftShader,
  hasSwiftShader,
  requiredSwiftShader,
  resolvePackage,
  softwareVulkan,
} from "../device/swiftShader.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const PROBE = `
const { create } = await import(process.argv[1]);
const gpu = create([]);
const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
process.stdout.write(adapter ? adapter.info.description || adapter.info.vendor || "unnamed adapter" : "");
process.exit(0);`;

const PROBE_TIMEOUT_MS = 30_000;

/**
 * The name of the adapter that Dawn finds under these variables, undefined when there is none. It asks in a child
 * process, so that a driver that crashes, hangs or prints does so there.
 */
export function probeAdapter(env: Environment = process.env): string | undefined {
  const dawn = resolvePackage("webgpu");
  if (!dawn) return undefined;
  const args = ["--input-type=module", "-e", PROBE, pathToFileURL(dawn).href];
  const { stdout } = spawnSync(process.execPath, args, {
    env: { ...env },
    timeout: PROBE_TIMEOUT_MS,
    stdio: ["ignore", "pipe", "ignore"],
    encoding: "utf8",
  });
  return stdout || undefined;
}

/**
 * The variables to start a process with so that it finds an adapter; undefined when this process needs none, or when
 * nothing helps. WEBGPU_VISION_ADAPTER=swiftshader asks for SwiftShader whatever else is there; a driver that
 * VK_ICD_FILENAMES or VK_DRIVER_FILES names is used as it is. Says so on stderr when it is SwiftShader.
 *
 * @throws AdapterError where WEBGPU_VISION_ADAPTER asks for what is not there.
 */
export async function adapterVariables({ isQuiet = false } = {}): Promise<Record<string, string> | undefined> {
  const { env } = process;
  const asked = asksForSwiftShader();
  if (hasSwiftShader() || (!asked && process.platform !== "linux")) return undefined;
  if (!asked && (env.VK_ICD_FILENAMES || env.VK_DRIVER_FILES || probeAdapter())) return undefined;
  if (!resolvePackage("webgpu")) return undefined; // no driver helps there, which opening a device says
  const variables = asked ? await requiredSwiftShader() : await softwareVulkan();
  if (!variables) return undefined;
  const why = asked ? "as WEBGPU_VISION_ADAPTER asks" : "as there is no GPU driver here";
  if (!isQuiet) process.stderr.write(`webgpu-vision: running on the CPU with SwiftShader, ${why}\n`);
  return variables;
}

export interface RunOptions {
  /** This process's own input, output and stderr when absent. */
  readonly stdio?: StdioOptions;
  readonly onStart?: (child: ChildProcess) => void;
}

/** Runs a command with more variables; signals to this process are passed on. Gives its exit code. */
export function runCommand(
  command: readonly string[],
  variables: Environment = {},
  { stdio = "inherit", onStart }: RunOptions = {},
): Promise<number> {
  const [program = process.execPath, ...args] = command;
  const child = spawn(program, args, {
    env: { ...process.env, ...variables },
    stdio,
    shell: process.platform === "win32" && !existsSync(program),
  });
  onStart?.(child);
  const forward = (signal: NodeJS.Signals) => {
    // A terminal sends Ctrl-C to the child as well.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") return reject(error);
      process.stderr.write(`${program}: not found\n`);
      resolve(127);
    });
    child.once("close", (code, signal) => {
      for (const name of signals) process.off(name, forward);
      if (signal) process.kill(process.pid, signal);
      else resolve(code ?? 1);
    });
  });
}

// Dawn says the first of CPU adapters, whose limits are larger than it can use, and the others where there is no
// driver, which our own error says better.
const NOISE =
  /^(Warning: (maxDynamic\w+ artificially reduced|vkCreateInstance).*| +at \w+ \(.*\/third_party\/dawn\/.*\)\n?)\n/gm;

/** For `onStart`, with stderr a pipe: passes on all but warnings of Dawn that no user can act on. */
export function dropWarnings({ stderr }: ChildProcess): void {
  stderr?.setEncoding("utf8").on("data", (text: string) => {
    process.stderr.write(process.env.WEBGPU_VISION_DEBUG ? text : text.replace(NOISE, ""));
  });
}
