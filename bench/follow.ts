// How well objects are followed: mean J (IoU) over the frames after the first of clips in DAVIS's layout, each method
// from the same first mask: SAM 2 by VideoSegmenter, DINO's propagateMask, and the first mask repeated.
//
//   node scripts/withAdapter.mjs bench/follow.ts FOLDER [--model DIR] [--dino DIR] [--only "SAM 2"]
//
// FOLDER has JPEGImages/480p/CLIP/00000.jpg and Annotations/480p/CLIP/00000.png (every value above 0 is the object):
// DAVIS itself, or held clips of checkpoints/training/clips.py.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { VideoSegmenter } from "../src/api/videoSegmenter.ts";
import { Dino, openDevice, propagateMask } from "../src/index.ts";

/** Longest side that DINO sees: patches of 8 pixels of it. */
const DINO_SIDE = 240;

interface Clip {
  readonly name: string;
  readonly frames: readonly string[];
  readonly masks: readonly Uint8Array[];
  readonly width: number;
  readonly height: number;
}

async function readMask(path: string): Promise<{ width: number; height: number; data: Uint8Array }> {
  const image = sharp(path).toColourspace("b-w").removeAlpha();
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: Uint8Array.from(data, (value) => Number(value > 0)) };
}

async function readClip(folder: string, name: string): Promise<Clip> {
  const [images, annotations] = ["JPEGImages", "Annotations"].map((kind) => join(folder, kind, "480p", name));
  const list = async (at = "") => (await readdir(at)).sort().map((file) => join(at, file));
  const frames = await list(images);
  const masks = await Promise.all((await list(annotations)).map(readMask));
  if (frames.length !== masks.length) throw new Error(`${name}: ${frames.length} frames and ${masks.length} masks`);
  const { width = 0, height = 0 } = masks[0] ?? {};
  return { name, frames, masks: masks.map(({ data }) => data), width, height };
}

/** DAVIS's J: the IoU, and 1 where both are empty. */
function j(guess: Uint8Array, truth: Uint8Array): number {
  let [both, either] = [0, 0];
  for (let i = 0; i < truth.length; i++) {
    both += Number(Boolean(guess[i]) && Boolean(truth[i]));
    either += Number(Boolean(guess[i]) || Boolean(truth[i]));
  }
  return either === 0 ? 1 : both / either;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

async function bySam2(segmenter: VideoSegmenter, { frames, masks }: Clip): Promise<number[]> {
  using video = await segmenter.open<number>(frames);
  await video.addPrompt(0, 1, { mask: masks[0] });
  const scores: number[] = [];
  for await (const { frame, masks: given } of video.propagate({ from: 1 })) {
    scores.push(j(given.get(1)?.mask ?? new Uint8Array(), masks[frame] as Uint8Array));
  }
  return scores;
}

async function byDino(dino: Dino, { frames, masks, width, height }: Clip): Promise<number[]> {
  const scale = DINO_SIDE / Math.max(width, height);
  const side = (pixels: number) => Math.max(8, Math.round((pixels * scale) / 8) * 8);
  const size: [number, number] = [side(height), side(width)];
  const features = async function* () {
    for (const frame of frames) yield await dino.encodeImage(frame, { size });
  };
  const scores: number[] = [];
  const first = { width, height, data: masks[0] as Uint8Array };
  for await (const { data } of propagateMask(features(), first))
    scores.push(j(data, masks[scores.length] as Uint8Array));
  return scores.slice(1);
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: "string", default: "checkpoints/tiny-sam2" },
    dino: { type: "string", default: "checkpoints/tiny-dino" },
    only: { type: "string", multiple: true, default: ["SAM 2", "propagateMask", "repeated"] },
  },
});
const [folder] = positionals;
if (!folder) throw new Error("which folder? It has JPEGImages/480p and Annotations/480p");
const device = await openDevice();
using segmenter = await VideoSegmenter.fromPretrained(values.model, { device });
using dino = await Dino.fromPretrained(values.dino, { device });
const METHODS: Readonly<Record<string, (clip: Clip) => Promise<number[]>>> = {
  "SAM 2": (clip) => bySam2(segmenter, clip),
  propagateMask: (clip) => byDino(dino, clip),
  repeated: async ({ masks: [first = new Uint8Array(), ...rest] }) => rest.map((mask) => j(first, mask)),
};
const means = new Map<string, number[]>(values.only.map((name) => [name, []]));
console.log(`| clip | frames | ${values.only.join(" | ")} |\n|---|---|${"---|".repeat(means.size)}`);
const percent = (value: number) => (100 * value).toFixed(1);
for (const name of (await readdir(join(folder, "JPEGImages", "480p"))).sort()) {
  const clip = await readClip(folder, name);
  const row: string[] = [];
  for (const [method, all] of means) {
    const value = mean((await METHODS[method]?.(clip)) ?? []);
    all.push(value);
    row.push(percent(value));
  }
  console.log(`| ${name} | ${clip.frames.length} | ${row.join(" | ")} |`);
}
console.log(`| mean |  | ${[...means.values()].map((all) => percent(mean(all))).join(" | ")} |`);
