// Runs a command where WebGPU finds an adapter: `node scripts/withAdapter.mjs vitest run`. A TypeScript file of this
// repository is bundled and run by Node, or by Deno: `… bench/kernels.ts matmul`, `… deno test/deno/smoke.ts`.
import { pathToFileURL } from "node:url";
import { bundleForNode } from "./bundle.mjs";

const RUNTIMES = {
  node: [process.execPath, "--enable-source-maps"],
  deno: ["deno", "run", "--unstable-webgpu", "-A"],
};

/** The command to run, with a TypeScript file replaced by its bundle. */
async function commandOf([first, ...rest]) {
  if (first.endsWith(".ts")) return [...RUNTIMES.node, await bundleForNode(first), ...rest];
  if (first in RUNTIMES && rest[0]?.endsWith(".ts")) {
    return [...RUNTIMES[first], await bundleForNode(rest[0]), ...rest.slice(1)];
  }
  return [first, ...rest];
}

const given = process.argv.slice(2);
if (given.length === 0) {
  console.error("usage: node scripts/withAdapter.mjs COMMAND [ARGUMENT...]");
  process.exit(2);
}
const { adapterVariables, dropWarnings, runCommand } = await import(
  pathToFileURL(await bundleForNode("src/cli/adapter.ts")).href
);
// Tools look at stderr for what the terminal can do; our own programs do not.
const options = given[0].endsWith(".ts") ? { stdio: ["inherit", "inherit", "pipe"], onStart: dropWarnings } : {};
process.exitCode = await runCommand(await commandOf(given), await adapterVariables(), options);
