// Where the command line finds what it ships with.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder with the package's package.json, wherever below it this code was bundled to. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string }).version;
}

/** A checkpoint that ships in the package. */
export function shippedCheckpoint(name: string): string {
  return join(packageRoot(), "checkpoints", name);
}

/** Names of the checkpoints that ship with outputs to compare with. */
export function shippedCheckpoints(): string[] {
  const folder = join(packageRoot(), "checkpoints");
  return readdirSync(folder).filter((name) => existsSync(join(folder, name, "expected.json")));
}

/** Whether a checkpoint that ships has weights; those of the others are made from a manifest.json. */
export function hasWeights(name: string): boolean {
  return existsSync(join(shippedCheckpoint(name), "model.safetensors"));
}
