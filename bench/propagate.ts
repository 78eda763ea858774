// What carrying a mask from frame to frame takes beyond the encoder: propagateMask on the GPU against propagateMask on
// the host, frame by frame in turns, on the same features of frames at 480p. The shares of the labels must agree.
//
//   node scripts/withAdapter.mjs bench/propagate.ts [--patch 16] [--frames 3]
import { parseArgs } from "node:util";
import { GpuTensor } from "../src/device/gpuTensor.ts";
import { fromHalfArray } from "../src/device/half.ts";
import { random } from "../src/device/random.ts";
import type { GpuPatchFeatures, LabelMask, PropagatedMask } from "../src/features/labelSource.ts";
import { propagateMask } from "../src/features/propagateMask.ts";
import { openDevice } from "../src/index.ts";
import { spread } from "../src/verify/timing/measure.ts";

const [WIDTH, HEIGHT, CHANNELS] = [854, 480, 384]; // DAVIS at 480p; DINO's ViT-S
/** Frames that propagateMask learns from beside the first: times count from where all of them are there. */
const LAST_FRAMES = 7;
/** Largest difference of shares at which the two ways count as equal. */
const TOLERANCE = 1e-5;

const { values } = parseArgs({
  options: { patch: { type: "string", default: "16" }, frames: { type: "string", default: "3" } },
});
const [patch, counted] = [Number(values.patch), Number(values.frames)];
if (!(patch >= 1 && counted >= 1)) throw new Error("expected --patch and --frames to be numbers from 1");
const [rows, columns] = [Math.floor(HEIGHT / patch), Math.floor(WIDTH / patch)];
const shape = [1, rows * columns, CHANNELS];

/** The features of a scene that moves by a patch a frame, with noise of the frame's own. */
function features(frame: number): Float32Array {
  const [scene, noise] = [random(1), random(frame + 2)];
  const still = Float32Array.from({ length: rows * columns * CHANNELS }, () => scene() - 0.5);
  const row = columns * CHANNELS;
  return still.map((_, i) => {
    const from = Math.floor(i / row) * row + (((i % row) + frame * CHANNELS) % row);
    return (still[from] as number) + 0.5 * (noise() - 0.5);
  });
}

const [first, last] = [Math.floor(columns / 4), Math.floor(columns / 2)];
const mask: LabelMask = {
  width: columns,
  height: rows,
  data: Uint8Array.from({ length: rows * columns }, (_, i) => Number(i % columns >= first && i % columns < last)),
};

using device = await openDevice();
const count = 1 + LAST_FRAMES + counted;
const host = Array.from({ length: count }, (_, frame) => features(frame));
const onGpu = host.map((data): GpuPatchFeatures => {
  const patches = new GpuTensor(device, { dtype: "f32", shape }, "patches", fromHalfArray);
  device.write(patches, data);
  return { patches, grid: [rows, columns] };
});
const ways = {
  GPU: propagateMask(onGpu, mask),
  host: propagateMask(
    host.map((data) => ({ patches: { data, shape }, grid: [rows, columns] as const })),
    mask,
  ),
};
const names = Object.keys(ways) as (keyof typeof ways)[];
const ms: Record<keyof typeof ways, number[]> = { GPU: [], host: [] };
let worst = 0;
for (let frame = 0; frame < count; frame++) {
  const masks: Partial<Record<keyof typeof ways, PropagatedMask>> = {};
  for (const name of frame % 2 ? names : names.toReversed()) {
    const start = performance.now();
    const { value } = await ways[name].next();
    if (frame > LAST_FRAMES) ms[name].push(performance.now() - start);
    masks[name] = value as PropagatedMask;
  }
  worst = Math.max(worst, differenceOf(masks.GPU as PropagatedMask, masks.host as PropagatedMask));
}
for (const { patches } of onGpu) patches.dispose();
if (!(worst <= TOLERANCE)) throw new Error(`propagateMask: the GPU's shares differ by ${worst} from the host's`);

const [ofGpu, ofHost] = [spread(ms.GPU), spread(ms.host)];
const text = ({ median, p10, p90 }: typeof ofGpu) => `${median.toFixed(0)} ms (${p10.toFixed(0)} to ${p90.toFixed(0)})`;
console.log(
  `${device.info.description}: frames of ${columns} x ${rows} patches, of which ${counted} count\n` +
    `  on the GPU   ${text(ofGpu)}\n  on the host  ${text(ofHost)}\n` +
    `  ${(ofHost.median / ofGpu.median).toFixed(2)}x; shares differ by ${worst.toExponential(1)} at most`,
);
process.exit(); // Dawn keeps the process alive

function differenceOf({ probabilities: a }: PropagatedMask, { probabilities: b }: PropagatedMask): number {
  if (a.data.length !== b.data.length) return Number.POSITIVE_INFINITY;
  return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (b.data[i] as number))), 0);
}
