// The cases of every kernel in Deno, whose WebGPU is wgpu and whose shader compiler is naga: another implementation
// than the Dawn of Node and Chromium. Prints each case that fails, then the sum as vitest does; the exit code tells.
import { openDevice } from "../../src/device/open.ts";
import * as suites from "../../src/verify/index.ts";
import { caseLabel, runCase } from "../../src/verify/run.ts";
import type { KernelSuite } from "../../src/verify/suite.ts";

const count = { failed: 0, passed: 0, skipped: 0 };
using device = await openDevice();
console.log(`adapter: ${device.info.description || device.info.device}, shader-f16: ${device.hasF16}`);

for (const suite of Object.values<KernelSuite>(suites)) {
  const before = { ...count };
  for (const test of suite.cases) {
    for (const dtype of test.dtypes ?? (["f32", "f16"] as const)) {
      if (dtype === "f16" && !device.hasF16) {
        count.skipped++;
        continue;
      }
      const problem = await problemOf(suite, test, dtype);
      count[problem ? "failed" : "passed"]++;
      if (problem) console.log(`FAIL ${suite.kernel.name}, ${dtype}: ${caseLabel(test)}: ${problem}`);
    }
  }
  const [passed, failed] = [count.passed - before.passed, count.failed - before.failed];
  console.log(`${suite.kernel.name}: ${passed} passed, ${failed} failed`);
}

const words = Object.entries(count).filter(([, n]) => n > 0);
console.log(`\n      Tests  ${words.map(([word, n]) => `${n} ${word}`).join(" | ")}`);
if (count.skipped > 0) console.log("skipped: f16, as this adapter has no shader-f16");
process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0;

/** What is wrong with the result of a case; undefined when nothing is. */
async function problemOf(suite: KernelSuite, test: KernelSuite["cases"][number], dtype: "f32" | "f16") {
  try {
    const { passed, error, tolerance } = await runCase(device, suite, test, dtype);
    device.check();
    return passed ? undefined : `error ${error}, tolerance ${tolerance}`;
  } catch (error) {
    return String(error);
  }
}
