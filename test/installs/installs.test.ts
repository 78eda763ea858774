// Tries the packed package as strangers install it: bundlers, versions of TypeScript, runtimes. It takes an hour on two
// cores and wants the registry, so it is no part of `npm test`. The table is written to out/installs.md.
//
//   npm run build && npm run test:installs                 all rows
//   npm run test:installs -- -t "Vite 8"                   rows with this in their names
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, expect, inject, it } from "vitest";
import { startChromium } from "../browser/chromium.ts";
import { ROOT } from "../package/install.ts";
import { bundlerRows } from "./bundlers.ts";
import { programRows } from "./programs.ts";
import { typeScriptRows } from "./typeScript.ts";

/** A line of the table. */
export interface Row {
  readonly name: string;
  /** Tries it, and says what was seen: with FAILS in it where that is not as it should be. */
  readonly what: () => Promise<string>;
}

const MOST_MS = 1_200_000;

const { tarball } = inject("installed");
let browser: Promise<Browser> | undefined;
const startOnce = () => (browser ??= startChromium());
const rows = [...bundlerRows(tarball, startOnce), ...typeScriptRows(tarball), ...programRows(tarball)];
const lines: string[] = [];

afterAll(async () => {
  await (await browser)?.close();
  await mkdir(join(ROOT, "out"), { recursive: true });
  await writeFile(join(ROOT, "out/installs.md"), `${["| with | seen |", "|---|---|", ...lines].join("\n")}\n`);
});

it.each(rows)(
  "$name",
  async ({ name, what }) => {
    const seen = await what().catch(
      (error: Error) => `FAILS: ${String(error.stack).split("\n").slice(0, 3).join(" ")}`,
    );
    lines.push(`| ${name} | ${seen.replaceAll("|", "\\|")} |`);
    console.log(lines.at(-1));
    expect(seen).not.toContain("FAILS");
  },
  MOST_MS,
);
