// Tries the packed package as strangers install it: bundlers, versions of TypeScript, runtimes. It takes an hour on two
// cores and wants the registry, so it is no part of the tests. Prints a table, and ends with 1 where a row fails.
//
//   npm run build && npm run test:installs                 all rows
//   npm run test:installs -- "Vite 8" TypeScript           rows whose names have one of these in them
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChromium } from "../browser/chromium.ts";
import { pack, ROOT } from "../package/install.ts";
import { bundlerRows } from "./bundlers.ts";
import { programRows } from "./programs.ts";
import { typeScriptRows } from "./typeScript.ts";

/** A line of the table. */
export interface Row {
  readonly name: string;
  /** Tries it, and says what was seen: with FAILS in it where that is not as it should be. */
  readonly what: () => Promise<string>;
}

const asked = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), "webgpu-vision-installs-"));
let browser: ReturnType<typeof startChromium> | undefined;
const lines: string[] = [];
try {
  const { tarball } = pack(folder);
  const start = () => (browser ??= startChromium());
  const rows = [...typeScriptRows(tarball), ...bundlerRows(tarball, start), ...programRows(tarball)];
  for (const { name, what } of rows) {
    if (asked.length > 0 && !asked.some((part) => name.includes(part))) continue;
    const seen = await what().catch((error: Error) => `FAILS: ${error.message.split("\n").slice(0, 3).join(" ")}`);
    lines.push(`| ${name} | ${seen.replaceAll("|", "\\|")} |`);
    console.log(lines.at(-1));
  }
} finally {
  await (await browser)?.close();
  await rm(folder, { recursive: true, force: true });
}
await mkdir(join(ROOT, "out"), { recursive: true });
await writeFile(join(ROOT, "out/installs.md"), `${["| with | seen |", "|---|---|", ...lines].join("\n")}\n`);
if (lines.some((line) => line.includes("FAILS"))) process.exitCode = 1;
