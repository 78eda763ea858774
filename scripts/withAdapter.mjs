// Runs a command where WebGPU finds an adapter: `node scripts/withAdapter.mjs vitest run`. A command that is a TypeScript
// file of this repository is bundled first and run by Node: `node scripts/withAdapter.mjs bench/kernels.ts matmul`.
import { pathToFileURL } from "node:url";
import { bundleForNode } from "./bundle.mjs";

const { adapterVariables, runCommand } = await import(pathToFileURL(await bundleForNode("src/cli/adapter.ts")).href);

const [program, ...args] = process.argv.slice(2);
if (!program) {
  console.error("usage: node scripts/withAdapter.mjs COMMAND [ARGUMENT...]");
  process.exit(2);
}
const command = program.endsWith(".ts")
  ? [process.execPath, "--enable-source-maps", await bundleForNode(program)]
  : [program];
process.exitCode = await runCommand([...command, ...args], await adapterVariables());
