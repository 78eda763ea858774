// Makes bench/results/compilers.md: what the compilers of GPUs make of the models' pipelines, in two versions, of which
// the first is as the page has it.
//
//   node scripts/compilersTable.mjs FOLDER
//   node scripts/compilersTable.mjs --kernels FOLDER >bench/results/compilers-search.md
//
// The second is of kernels that no model of the first has (`npm run bench -- compile --only kernels`). FOLDER
// has one folder for each type and chip, `f32-navi31`, in which `npm run bench -- compile` wrote
// labels.tsv, and a Vulkan layer what the compiler said: NUMBER.txt, whose lines before the first heading are
// statistics as JSON, dispatches.tsv, and for AMD hotloops.txt, a table of the loops with the most multiply-adds.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./bundle.mjs";

const CHIPS = new Map([
  ["navi21", "AMD RDNA 2"],
  ["navi31", "AMD RDNA 3"],
  ["gfx1201", "AMD RDNA 4"],
  ["vega10", "AMD GCN 5"],
  ["dg2", "Intel Xe-HPG"],
  ["lnl", "Intel Xe2"],
  ["tgl", "Intel Xe-LP"],
  ["164", "NVIDIA Turing"],
  ["172", "NVIDIA Ampere"],
  ["192", "NVIDIA Ada"],
  ["1b2", "NVIDIA Blackwell"],
  ["740", "Qualcomm 740"],
  ["0x43050c01", "Qualcomm X1-85"],
  ["g13g", "Apple M1"],
  ["g14g", "Apple M2"],
  ["a867", "ARM G610"],
  ["c870", "ARM G720"],
]);
const ORDER = [...CHIPS.keys()];

const PAGE = join(ROOT, "bench/results/compilers.md");

/** What drivers call how many threads find room: waves, warps or threads; Intel's says how many a subgroup has. */
const ROOM = ["Subgroups per SIMD", "Max warps/SM", "Max Waves Per Core", "Threads", "subgroup"];
/** What drivers call their own guess of the cycles of a subgroup. */
const CYCLES = ["Static cycle count", "Cycle Count"];
const SCRATCH = ["Scratch size", "Scratch Memory Size", "SLM size", "Scratch"];

const firstOf = (stats, names) => stats[names.find((name) => name in stats)] ?? 0;
const isSpill = (name) => /spill|fill/i.test(name) && !/\breg\b|SGPR|cost/.test(name);

/** The pipelines of a run: label, workgroups, statistics. */
function pipelinesOf(folder) {
  const lines = (name) => readFileSync(join(folder, name), "utf8").trimEnd().split("\n");
  const labels = new Map(lines("labels.tsv").map((line) => line.split("\t")));
  const hot = existsSync(join(folder, "hotloops.txt")) ? hotLoops(lines("hotloops.txt")) : new Map();
  return lines("dispatches.tsv")
    .slice(1)
    .map((line) => {
      const [at, , , workgroups] = line.split("\t");
      const [head] = readFileSync(join(folder, `${at}.txt`), "utf8").split("\n### ");
      const stats = JSON.parse(head.split("\n").findLast((text) => text.startsWith("{")));
      const spills = Object.entries(stats).reduce((sum, [name, count]) => sum + (isSpill(name) ? count : 0), 0);
      return {
        ...{ label: labels.get(at) ?? "", workgroups: Number(workgroups), spills, ...hot.get(at) },
        ...{ room: firstOf(stats, ROOM), scratch: firstOf(stats, SCRATCH) },
        cycles: Math.round(firstOf(stats, CYCLES) / stats.subgroup),
      };
    });
}

/**
 * By number: the share of the peak that the loop can reach, and bytes of a load or store. The first is left out where
 * the tool found no multiply-adds in any pipeline: it does not read RDNA 4's names of instructions.
 */
function hotLoops(lines) {
  const columns = lines.slice(1).map((line) => line.trim().split(/\s+/));
  const isRead = columns.some((all) => all.at(-4) !== "0%");
  return new Map(columns.map((all) => [all[0], { bound: isRead ? all.at(-4) : "not read", wide: all.at(-2) }]));
}

/** The pipeline of a kernel that does the most work of a model. */
function largest(pipelines, model, kernel) {
  const named = pipelines.filter(({ label }) => label.startsWith(model) && label.split(" ")[2]?.startsWith(kernel));
  return named.sort((a, b) => b.workgroups - a.workgroups)[0];
}

const WATCHED = [
  ["clip-vit-base-patch32", "attention"],
  ["sam-vit-base encoder", "attention"],
  ["sam-vit-base decoder", "attention"],
  ["clip-vit-base-patch32", "matmul"],
  ["dino-resnet50", "conv2d"],
];

/** Attention where heads are of 32 or 96, or keys are causal: of the second version alone. */
const OTHERS = ["clip-vit-base-patch32 text", "mobile-sam encoder", "sam2.1-hiera-tiny encoder"];

const arrow = (a, b) => (`${a}` === `${b}` ? `${b}` : `${a} → ${b}`);

/** What is told of a pipeline in two versions. */
function cell(a, b) {
  if (!a || !b) return "";
  const bound = a.bound && b.bound ? `, ${arrow(a.bound, b.bound)}, ${arrow(a.wide, b.wide)} B` : "";
  const cycles = b.cycles ? `, ${arrow(a.cycles, b.cycles)} cycles` : "";
  return `${arrow(a.room, b.room)}${bound}${cycles}`;
}

/** Of pipelines: how many spill, and how often. */
function spillsOf(pipelines) {
  const spilling = pipelines.filter(({ spills, scratch }) => spills > 0 || scratch > 0).length;
  return [spilling, pipelines.reduce((total, { spills }) => total + spills, 0)];
}

/** Runs in a folder, f32 first: type, chip, and pipelines. */
function runsIn(folder) {
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, "labels.tsv")))
    .map((name) => [name.split("-")[0], name.slice(name.indexOf("-") + 1), name])
    .filter(([, chip]) => CHIPS.has(chip))
    .sort((one, two) => two[0].localeCompare(one[0]) || ORDER.indexOf(one[1]) - ORDER.indexOf(two[1]))
    .map(([dtype, chip, name]) => [dtype, `${CHIPS.get(chip)} (${chip})`, pipelinesOf(join(folder, name))]);
}

const CELLS = `\
The first number of a cell is the room for threads: waves a SIMD (AMD), warps of 48 an SM (NVIDIA), waves of 16 a core
(Qualcomm), threads a core (Apple), a factor of 1 or 2 (ARM); for Intel, whose compiler says none, the threads of a
subgroup. For AMD follow the share of the peak that the loop with the most multiply-adds can reach ("not read" where
the tool knows no name of that chip's multiply-adds), and the average bytes of a load or store (16 at most); for Intel
and NVIDIA the compiler's guess of the cycles of a subgroup for each of its threads, in which a loop of unknown length
counts as some turns`;
const COUNTED = ["type", "chip", "pipelines that spill", "spills and fills"];

const tableOf = (rows) => rows.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
const headOf = (head) => tableOf([head, head.map(() => "---")]);

/** Every pipeline of runs of kernels, a column each. */
function kernelsTable(folder) {
  const runs = runsIn(folder);
  const name = ({ label }) => label.replace(/^kernels /, "").replace(/ \w+\.\w+ \[.*$/, "");
  const names = [...new Set(runs.flatMap(([, , pipelines]) => pipelines.map(name)))];
  const rows = runs.map(([dtype, chip, all]) => {
    const named = names.map((wanted) => all.find((pipeline) => name(pipeline) === wanted));
    return [dtype, chip, ...spillsOf(all), ...named.map((pipeline) => cell(pipeline, pipeline))];
  });
  return `# What GPUs' compilers make of the kernels of search and videos

Of kernels that no model of [compilers.md](compilers.md) has, by the same compilers: nothing ran, no time was measured.
${CELLS}. A pipeline that spills also counts for an array in scratch memory.

${headOf([...COUNTED, ...names])}${tableOf(rows)}`;
}

/** Of the page's rows, by type and chip: the first version's counts, and its pipelines as `cell` tells of them. */
function firstVersions(page) {
  const [table] = page.split("\n## ");
  const rows = [...table.matchAll(/^\| (f\d\d) \| (.*?) \| (.*) \|$/gm)];
  return new Map(
    rows.map(([, dtype, chip, cells]) => {
      const first = cells.split(" | ").map((text) => text.split(", ").map((part) => part.split(" → ")[0]));
      const [[spilling], [spills], ...pipelines] = first;
      return [`${dtype} ${chip}`, { counts: [spilling, spills], pipelines: pipelines.map(told) }];
    }),
  );
}

function told([room, ...rest]) {
  const [bound, wide = ""] = rest.length === 2 ? rest : [];
  return { room, bound, wide: wide.replace(" B", ""), cycles: rest.length === 1 && rest[0].replace(" cycles", "") };
}

function modelsTable(folder, page) {
  const versions = firstVersions(page);
  const runs = runsIn(folder);
  const others = runs.map(([dtype, chip, all]) => {
    const pipelines = OTHERS.map((model) => largest(all, model, "attention"));
    return [dtype, chip, ...pipelines.map((pipeline) => cell(pipeline, pipeline))];
  });
  const rows = runs.map(([dtype, chip, all]) => {
    const first = versions.get(`${dtype} ${chip}`);
    if (!first) throw new Error(`${PAGE} has no row of the first version for ${chip}, ${dtype}`);
    const counts = spillsOf(all).map((count, i) => arrow(first.counts[i], count));
    return [dtype, chip, ...counts, ...WATCHED.map((names, i) => cell(first.pipelines[i], largest(all, ...names)))];
  });
  return `# What GPUs' compilers make of the pipelines

Mesa's compilers, without a GPU: AMD, Intel and Qualcomm as on Linux, NVIDIA, Apple and ARM as stand-ins for the
vendors' own. Nothing ran; no time was measured. Two versions: with the loops of attention, matmul and conv2d as they
were written from papers, and as they are. Models: CLIP B/32, DINO S/16, DINO and CLIP ResNet-50, SAM B, MobileSAM, and
of the second version SAM 2.1 tiny and the kernels of search; of each model and kernel named here the pipeline with the
most workgroups.

${CELLS}, whatever a turn does: of attention on Intel a turn is of 64 keys now, on NVIDIA of 32. A pipeline
that spills also counts for an array in scratch memory. Matrix units are not asked for here:
[compilers-attention.md](compilers-attention.md) has them, and instructions a key;
[compilers-products.md](compilers-products.md) has the loops of matmul and conv2d. Both say what was tried and is no
better, and what cannot be reached.

${headOf([...COUNTED, ...WATCHED.map((names) => names.join(", "))])}${tableOf(rows)}
## Other heads and keys

attention of the second version where keys are causal (CLIP's text), and where heads are of 32 (MobileSAM, with a bias
for each distance) and 96 (SAM 2.1).

${headOf(["type", "chip", ...OTHERS])}${tableOf(others)}`;
}

const [first, second] = process.argv.slice(2);
if (!first) {
  console.error("usage: node scripts/compilersTable.mjs FOLDER, or --kernels FOLDER");
  process.exit(2);
}
if (first === "--kernels") process.stdout.write(kernelsTable(second));
else writeFileSync(PAGE, modelsTable(first, readFileSync(PAGE, "utf8")));
