// `PYTHON=python node scripts/safetensorsPython.mjs`: asks Python's safetensors (pip install safetensors numpy) about
// the files of test/trust/craftedSafetensors.ts, and keeps what it says for test/trust/safetensorsPython.test.ts.
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bundleForNode, ROOT } from "./bundle.mjs";

const { CRAFTED_FILES, craftedFile } = await import(await bundleForNode("test/trust/craftedSafetensors.ts"));
const pieces = Array.from({ length: CRAFTED_FILES }, (_, number) => {
  const file = craftedFile(number);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(file.length));
  return [length, file];
});
const { stdout, stderr, status } = spawnSync(
  process.env.PYTHON ?? "python3",
  [join(ROOT, "scripts/safetensorsVerdicts.py")],
  { input: Buffer.concat(pieces.flat()), maxBuffer: 1 << 24 },
);
if (status !== 0) throw new Error(`Python ended with ${status}: ${stderr}`);
await writeFile(join(ROOT, "test/golden/safetensorsPython.json"), stdout);
const { safetensors, verdicts } = JSON.parse(stdout);
const read = verdicts.replaceAll("0", "").length;
console.log(`Python's safetensors ${safetensors} reads ${read} of ${verdicts.length} files`);
