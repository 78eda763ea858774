// 6,000 crafted files and what Python's safetensors says of each (test/golden/safetensorsPython.json, which
// scripts/safetensorsPython.mjs makes): what it refuses is refused here. We are stricter in what STRICTER lists, which
// docs/whatLoads.md names.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { InvalidFileError } from "../../src/device/errors.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { CRAFTED_FILES, craftedFile } from "./craftedSafetensors.ts";

interface Golden {
  readonly safetensors: string;
  readonly verdicts: string;
}
const golden: Golden = JSON.parse(readFileSync("test/golden/safetensorsPython.json", "utf8"));

/** What Python reads and we refuse, by what our message says, and how docs/whatLoads.md puts it. */
const STRICTER: readonly (readonly [message: RegExp, documented: string])[] = [
  [/the name .* occurs twice/, "two equal names in one object"],
];

it("are refused where Python refuses them", async () => {
  expect(golden.verdicts).toHaveLength(CRAFTED_FILES);
  const counts = { read: 0, refused: 0, stricter: 0 };
  const faults: string[] = [];
  let longestMs = 0;
  for (let number = 0; number < CRAFTED_FILES; number++) {
    const file = craftedFile(number);
    const began = performance.now();
    const refusal = await readSafetensors(file).then(
      () => undefined,
      (error: Error) => error,
    );
    longestMs = Math.max(longestMs, performance.now() - began);
    if (refusal && !(refusal instanceof InvalidFileError)) throw refusal;
    counts[refusal ? "refused" : "read"]++;
    const isReadByPython = golden.verdicts[number] === "1";
    if (isReadByPython === !refusal) continue;
    if (!refusal) faults.push(`${number}: Python refuses it`);
    else if (STRICTER.some(([message]) => message.test(refusal.message))) counts.stricter++;
    else faults.push(`${number}: Python reads it; ${refusal.message}`);
  }
  expect(faults).toEqual([]);
  const { read, refused, stricter } = counts;
  const ends = `${read} read, ${refused} refused, ${longestMs.toFixed(0)} ms at most`;
  console.log(`safetensors beside Python's: ${ends}; of those ${golden.safetensors} reads ${stricter}`);
  expect(read).toBeGreaterThan(1000);
  expect(stricter).toBeGreaterThan(0);
});

it.each(STRICTER)("what is stricter here is documented: %s", (_, documented) => {
  expect(readFileSync("docs/whatLoads.md", "utf8")).toContain(documented);
});
