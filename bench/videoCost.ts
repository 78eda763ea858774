// What a frame of a video costs: dispatches, arithmetic, weights and activations of the parts that run, as their plans
// say before anything is computed. The table in docs/sam.md.
//
//   node scripts/withAdapter.mjs bench/videoCost.ts [--write]
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { FRAME, videoPartsOf } from "../src/check/describeVideo.ts";
import { storedOrSeeded } from "../src/check/seeded.ts";
import { short } from "../src/cli/table.ts";
import { type PlanSummary, plan } from "../src/graph/plan.ts";
import { type Device, openDevice } from "../src/index.ts";
import { graphOf } from "../src/models/part.ts";
import { sam2Video } from "../src/models/sam2/videoFamily.ts";
import { Weights } from "../src/models/weights.ts";
import { openModelFiles } from "../src/session/pretrained.ts";
import { replaceBetweenMarks } from "./marks.ts";

const PAGE = "docs/sam.md";
const MODELS = { "sam2.1-hiera-tiny": "SAM 2.1 tiny", edgetam: "EdgeTAM" } as const;
const DTYPE = "f32";

async function rowsOf(device: Device, folder: string, title: string): Promise<string[]> {
  const { checkpoint, files } = await openModelFiles([sam2Video], `test/golden/${folder}`, {}, storedOrSeeded);
  try {
    const model = await sam2Video.read(files);
    return Object.entries(videoPartsOf(model, DTYPE)).map(([name, part]) => {
      const graph = graphOf(part, (into) => Weights.of(into, checkpoint, DTYPE, model.naming));
      return row(`${title}: ${name}`, plan(graph, device).summary());
    });
  } finally {
    await checkpoint.close();
  }
}

function row(name: string, { dispatches, flops, weightBytes, activationBytes }: PlanSummary): string {
  const MB = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  return `| ${[name, dispatches, short(flops, "FLOP"), MB(weightBytes), MB(activationBytes)].join(" | ")} |`;
}

const { values } = parseArgs({ options: { write: { type: "boolean", default: false } } });
using device = await openDevice();
const rows: string[] = [];
for (const [folder, title] of Object.entries(MODELS)) rows.push(...(await rowsOf(device, folder, title)));
const costs = [
  `| ${DTYPE}, frames of ${FRAME[1]} x ${FRAME[0]} | dispatches | arithmetic | weights | activations |`,
  "|---|---|---|---|---|",
  ...rows,
  "",
].join("\n");
console.log(costs);
if (values.write) {
  writeFileSync(PAGE, replaceBetweenMarks(PAGE, "`bench/videoCost.ts`", costs));
}
process.exit(); // Dawn keeps the process alive
