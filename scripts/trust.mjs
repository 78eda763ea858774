// `npm run test:trust`: all of test/trust, which CI tries a part of; some hours. `-- soak faults` runs the files of
// these names alone; `-- --points 12` tries so many points of each kind of fault of WebGPU. `-- --write` keeps what
// came of it in docs/reliability.md, beside what the page has of tests that were not run; `-- --from FILE --write` does
// so with what an earlier run has printed.
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "./bundle.mjs";

const { values, positionals } = parseArgs({
  options: { write: { type: "boolean" }, points: { type: "string" }, from: { type: "string" } },
  allowPositionals: true,
});

/** What vitest prints of these tests, on the way of the terminal. */
async function run(names) {
  const paths = names.map((name) => `test/trust/${name}`);
  const flags = ["run", "--project", "host", "--project", "device", ...paths, "--disable-console-intercept"];
  const vitest = spawn(join(ROOT, "node_modules/.bin/vitest"), [...flags, "--reporter=verbose"], {
    cwd: ROOT,
    env: { ...process.env, TRUST: "all", ...(values.points && { TRUST_POINTS: values.points }), NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  vitest.stdout.on("data", (bytes) => {
    printed += bytes;
    process.stdout.write(bytes);
  });
  await new Promise((resolve) => vitest.on("close", resolve));
  return printed;
}

const output = values.from ? await readFile(values.from, "utf8") : await run(positionals.length ? positionals : [""]);
const isGood = /^ +✓ /m.test(output) && !/^ *(× |FAIL |Unhandled)/m.test(output);

/** What tests say of their cases: "settings of x: 12 read, 34 refused, 5 ms at most; more of it". */
const COUNTS = /^(.+): (\d+) (read|right), (\d+) (refused|told)(?:, (\d+) ms at most)?(?:; (.+))?$/gm;
/** What the soak holds: "after 1000 runs: GPU 28.4 MiB, heap 28.8 MiB, process 536.8 MiB". */
const HELD = /^after (\d+) runs: GPU (.+), heap (.+), process (.+)$/gm;

const PAGE = join(ROOT, "docs/reliability.md");
const known = await readFile(PAGE, "utf8");
const rows = new Map(
  [...known.matchAll(/^\| (\D.*?) \| (\d+) \| .* \|$/gm)].map(([row, what, cases]) => [what, { row, cases }]),
);
const told = new Map();
for (const [, what, good, goodWord, bad, badWord, ms, more] of output.matchAll(COUNTS)) {
  // Parts of one kind that ran apart, whose outputs were put together, are added.
  const last = told.get(what) ?? { good: 0, bad: 0, ms: 0 };
  const sums = { good: last.good + Number(good), bad: last.bad + Number(bad), ms: Math.max(last.ms, Number(ms ?? 0)) };
  told.set(what, sums);
  const ends = `${sums.good} ${goodWord}, ${sums.bad} ${badWord}${more ? `; ${more}` : ""}`;
  const cases = sums.good + sums.bad;
  rows.set(what, { row: `| ${what} | ${cases} | ${ends} | ${sums.ms ? `${sums.ms} ms` : ""} |`, cases });
}
const fresh = [...output.matchAll(HELD)].map(([, runs, ...held]) => `| ${runs} | ${held.join(" | ")} |`);
const held = fresh.length > 0 ? fresh : [...known.matchAll(/^\| \d+ \| .* MiB \| .* \|$/gm)].map(([row]) => row);

const sum = [...rows.values()].reduce((total, { cases }) => total + Number(cases), 0).toLocaleString("en");
const adapter = /^adapter: (.*)$/m.exec(output)?.[1] ?? /^.* cases, on (.*):$/m.exec(known)?.[1] ?? "none";

const page = `# What was tried

\`npm run test:trust -- --write\` wrote this page. Files that somebody made to do harm, calls of WebGPU that fail,
programs that are killed, long use: each case ends with what is right or with a typed error, nothing hangs, no rejection
is unhandled, and no byte stays on the GPU. A run in which a test fails is not written here. CI tries a part of them on
every change.

${sum} cases, on ${adapter}:

| what | cases | what came of them | longest |
|---|---|---|---|
${[...rows.values()].map(({ row }) => row).join("\n")}

- **Settings**: every value of every JSON file of the small checkpoints, replaced by values that readers trip over.
- **safetensors**: one to four changes of a header or of a file's length, drawn from a seed. 6,000 more, made type by
  type and change by change, are read and refused as by Python's safetensors, but for those with two equal names in one
  object: Python takes the last of them.
- **WebGPU's calls**: each call that can fail (a buffer without memory, a pipeline that does not compile, a result that
  cannot be mapped, a lost device) fails once, while a small model loads, while its first call runs, alone and beside
  another, and while two calls run again; then the next call must be right to the last bit. Where every point is tried,
  one load in eight that failed is followed by another, and one first call in eight by a call of another kind.
- **Killed**: a program is killed (SIGKILL) at a random moment of a download, or while it keeps embeddings, and started
  again. "Right" are those that were done before that.
- **Mixed runs**: calls of Clip, Dino and Sam at once, of many sizes and batches; some are aborted at random, and
  devices are lost. Every result is that of a serial run to the last bit.

What the mixed runs hold when nothing is under way. Nothing but weights and plans is on the GPU, to the byte. The
process grows while devices are lost, as the driver compiles for each new one, and levels off.

| runs | GPU | JavaScript's heap | process |
|---|---|---|---|
${held.join("\n")}
`;
if (values.write && isGood) await writeFile(PAGE, page);
process.exitCode = isGood ? 0 : 1;
