// Where ARM's compiler stores what finds no register, and loads it again: of each pipeline that spills, accesses to a
// thread's memory outside of all loops, and in each loop itself. Loops are what lies between a backward branch and its
// target; a loop in another one counts for itself.
//
//   node scripts/compilersSpills.mjs FOLDER >bench/results/compilers-spills.md
//
// FOLDER has a folder for each type and chip, as for scripts/compilersTable.mjs.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const CHIPS = { a867: "G610", c870: "G720" };
const SPILLED = "thread_local_pointer";

/** A listing's instructions, and its loops [first, last], outer ones first. */
function loopsOf(listing) {
  const instructions = listing.split("\n").filter((line) => /^\s+[A-Z]/.test(line));
  const lastOf = new Map();
  instructions.forEach((line, i) => {
    const [, offset] = /BRANCHZ.* offset:(-\d+)/.exec(line) ?? [];
    if (offset) lastOf.set(i + 1 + Number(offset), i);
  });
  return { instructions, loops: [...lastOf].sort(([a], [b]) => a - b) };
}

const count = (lines, pattern) => lines.filter((line) => pattern.test(line)).length;

/** Of some instructions: stores and loads of spilled values. */
function told(lines) {
  const spilled = lines.filter((line) => line.includes(SPILLED));
  return `${count(spilled, /STORE/)} + ${count(spilled, /LOAD/)}`;
}

/** Each loop with spilled values: what it multiplies, how long it is, and what it stores and loads. */
function describe(listing) {
  const { instructions, loops } = loopsOf(listing);
  const isIn = (i, [first, last]) => first <= i && i <= last;
  const outside = instructions.filter((_, i) => !loops.some((loop) => isIn(i, loop)));
  const inside = loops.map((loop) => {
    const inner = loops.filter((other) => other !== loop && isIn(other[0], loop) && isIn(other[1], loop));
    const lines = instructions.filter((_, i) => isIn(i, loop) && !inner.some((other) => isIn(i, other)));
    return { lines, isOuter: inner.length > 0 };
  });
  const cells = inside
    .filter(({ lines }) => lines.some((line) => line.includes(SPILLED)))
    .map(({ lines, isOuter }) => {
      const what = isOuter ? "between loops in it" : `with ${count(lines, /\bFMA\b|FMA\./)} multiply-adds`;
      return `${told(lines)} in ${lines.length} ${what}`;
    });
  return [instructions.length, told(outside), cells.join("; ") || "none"];
}

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node scripts/compilersSpills.mjs FOLDER");
  process.exit(2);
}
console.log(`# What ARM's compiler spills, and where

Of the pipelines of [compilers.md](compilers.md), of Mesa's compiler for ARM's GPUs, where a thread has 64 registers. Of
each that spills: stores and loads of a thread's own memory outside of all loops, and in each loop that has some, with
how many instructions and multiply-adds a turn of it has. What lies between the two loops of a tile of keys is run once
for 32 keys. [compilers-attention.md](compilers-attention.md) says what the values are, and what was tried.
`);
console.log("| chip, type | pipeline | instructions | stores + loads outside of loops | in loops |");
console.log("| --- | --- | --- | --- | --- |");
for (const dtype of ["f32", "f16"]) {
  for (const [chip, name] of Object.entries(CHIPS)) {
    const run = join(folder, `${dtype}-${chip}`);
    if (!existsSync(join(run, "labels.tsv"))) continue;
    for (const line of readFileSync(join(run, "labels.tsv"), "utf8").trimEnd().split("\n")) {
      const [at, label] = line.split("\t");
      if (!existsSync(join(run, `${at}.txt`))) continue;
      const [, listing] = readFileSync(join(run, `${at}.txt`), "utf8").split("### compute: Assembly\n");
      if (listing === undefined) throw new Error(`${join(run, `${at}.txt`)} has no line "### compute: Assembly"`);
      if (!listing.includes(SPILLED)) continue;
      console.log(`| ${[`${name}, ${dtype}`, label, ...describe(listing)].join(" | ")} |`);
    }
  }
}
