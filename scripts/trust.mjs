// `npm run test:trust`: all of test/trust, which CI tries a part of; an hour or two. `-- --points 12` tries so many
// points of each kind of fault of WebGPU, in ten minutes. `-- --write` keeps what came of it in docs/reliability.md.
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "./bundle.mjs";

const { write, points } = parseArgs({ options: { write: { type: "boolean" }, points: { type: "string" } } }).values;
const began = performance.now();
const flags = ["run", "--project", "host", "--project", "device", "test/trust", "--disable-console-intercept"];
const vitest = spawn(join(ROOT, "node_modules/.bin/vitest"), [...flags, "--reporter=verbose"], {
  cwd: ROOT,
  env: { ...process.env, TRUST: "all", ...(points && { TRUST_POINTS: points }), NO_COLOR: "1" },
  stdio: ["ignore", "pipe", "inherit"],
});
let output = "";
vitest.stdout.on("data", (bytes) => {
  output += bytes;
  process.stdout.write(bytes);
});
const code = await new Promise((resolve) => vitest.on("close", resolve));

/** What tests say of their cases: "settings of x: 12 read, 34 refused, 5 ms at most". */
const COUNTS = /^(.+): (\d+) (read|right), (\d+) (refused|told), (\d+) ms at most$/gm;
const rows = [...output.matchAll(COUNTS)].map(([, what, good, goodWord, bad, badWord, ms]) => {
  return { what, cases: Number(good) + Number(bad), text: `${good} ${goodWord}, ${bad} ${badWord}`, ms };
});
const [, failed = "0", passed = "0"] = /^ +Tests +(?:(\d+) failed \| )?(\d+) passed/m.exec(output) ?? [];
const sum = rows.reduce((total, row) => total + row.cases, 0).toLocaleString("en");
const minutes = ((performance.now() - began) / 60_000).toFixed(0);
const adapter = /^adapter: (.*)$/m.exec(output)?.[1] ?? "none";

const table = rows.map((row) => `| ${row.what} | ${row.cases} | ${row.text} | ${row.ms} ms |`).join("\n");
const where = points ? `${points} points of each kind` : "every point";

const page = `# What was tried

\`npm run test:trust -- --write\` wrote this page. Files that somebody made to do harm, and calls of WebGPU that fail:
each case ends with what is right or with a typed error, nothing hangs, no rejection is unhandled, and no byte stays on
the GPU. CI tries a part of them on every change.

${sum} cases in ${minutes} minutes, on ${adapter}: ${passed} tests passed, ${failed} failed.

| what | cases | what came of them | longest |
|---|---|---|---|
${table}

- **Settings**: every value of every JSON file of the small checkpoints, replaced by values that readers trip over.
- **safetensors**: one to four changes of a header or of a file's length, drawn from a seed.
- **WebGPU's calls**: each call that can fail (a buffer without memory, a pipeline that does not compile, a result that
  cannot be mapped, a lost device) fails once, while a model loads and while two calls run, at ${where};
  then the next call must be right to the last bit.
`;
if (write) await writeFile(join(ROOT, "docs/reliability.md"), page);
process.exitCode = code;
