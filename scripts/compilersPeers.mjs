// Makes bench/results/compilers-peers.md: our pipelines beside ONNX Runtime's under one compiler of a GPU from AMD.
//
//   node scripts/compilersPeers.mjs OURS THEIRS >bench/results/compilers-peers.md
//
// OURS is the folder of a run of `npm run bench -- compile` under the Vulkan layer (scripts/compilersTable.mjs says
// which), THEIRS a folder with one folder for each graph of bench/peers, of `npm run bench -- compile-peer --only
// GRAPH` under the same layer. Both have hotloops.txt; written.json in THEIRS says the bytes of all results of a
// graph's nodes, as ONNX Runtime optimised it.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [ours, theirs] = process.argv.slice(2);
if (!ours || !theirs) {
  console.error("usage: node scripts/compilersPeers.mjs OURS THEIRS");
  process.exit(2);
}
const lines = (...path) =>
  readFileSync(join(...path), "utf8")
    .trimEnd()
    .split("\n");
const json = (...path) => JSON.parse(readFileSync(join(...path), "utf8"));

/** By number of a pipeline: the share of the peak that its loop can reach, bytes of a load, spills. */
function loopsOf(folder) {
  const rows = lines(folder, "hotloops.txt").slice(1);
  return new Map(
    rows.map((row) => {
      const columns = row.trim().split(/\s+/);
      return [Number(columns[0]), { bound: columns.at(-4), wide: columns.at(-2), spill: Number(columns.at(-9)) }];
    }),
  );
}

/** One row: the loops that multiply, by how often they are dispatched. */
function row(graph, engine, written, pipelines, loops) {
  const sum = (key) => pipelines.reduce((total, one) => total + one[key], 0);
  const spills = pipelines.reduce((total, { number }) => total + (loops.get(number)?.spill ?? 0), 0);
  const hot = pipelines
    .map((one) => ({ ...one, ...loops.get(one.number) }))
    .filter(({ bound = "0%" }) => Number.parseInt(bound, 10) >= 25)
    .sort((a, b) => b.dispatches - a.dispatches)
    .map(({ label, dispatches, bound, wide }) => `${dispatches} x ${label ? `${label} ` : ""}${bound}, ${wide} B`);
  const bytes = written === undefined ? "" : (written / 1e6).toFixed(1);
  return [graph, engine, sum("dispatches"), sum("workgroups"), bytes, hot.join("; "), spills];
}

const ourLoops = loopsOf(ours);
const ourParts = json(ours, "parts.json");
const written = existsSync(join(theirs, "written.json")) ? json(theirs, "written.json") : {};
const rows = [];
for (const graph of readdirSync(theirs).filter((name) => existsSync(join(theirs, name, "dispatches.tsv")))) {
  const [model, part = "image"] = graph.split(".");
  const own = ourParts.find((one) => one.part === `${model} ${part}`);
  if (!own) throw new Error(`${ours} has no part ${model} ${part}`);
  const used = lines(theirs, graph, "dispatches.tsv")
    .slice(1)
    .map((line) => line.split("\t").map(Number))
    .map(([number, , dispatches, workgroups]) => ({ number, dispatches, workgroups }));
  const named = own.pipelines.map((one) => ({ ...one, label: one.label.split(" ")[0] }));
  rows.push(row(graph, "ours", own.written, named, ourLoops));
  rows.push(row(graph, "ONNX Runtime", written[graph], used, loopsOf(join(theirs, graph))));
}
const head = ["graph", "engine", "dispatches", "workgroups", "MB written", "loops that multiply", "spills"];
console.log(`# Our pipelines beside ONNX Runtime's, by a compiler of AMD's GPUs

Mesa's compiler for RDNA 3 (navi31), f32, without a GPU: nothing ran, no time was measured. onnxruntime-node 1.30 with
its graphs as exported, and with its own fused operators (\`.fused\`). Of each loop with multiply-adds that can reach a
quarter of the peak: how often it is dispatched, the share of the peak that it can reach, bytes of a load on average.
Bytes written are those of all results: of our plan, and of the nodes of the graph as ONNX Runtime optimised it, views
apart.
`);
for (const cells of [head, head.map(() => "---"), ...rows]) console.log(`| ${cells.join(" | ")} |`);
