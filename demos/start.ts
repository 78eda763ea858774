// What `npm start` runs: the CLIP that ships here looks at every picture in demos/photos, names each of them by a list
// of labels, and ranks them for a text. `npm start -- "a blue ship"` ranks them for another text.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Clip, type NdArray, openDevice } from "../src/index.ts";

// What tiny-clip was trained on; any other words need a bigger CLIP.
const LABELS = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const TEMPLATE = "a photo of a {}.";
const query = process.argv[2] ?? "a photo of a cat.";

const folder = fileURLToPath(new URL("../demos/photos", import.meta.url));
const model = fileURLToPath(new URL("../checkpoints/tiny-clip", import.meta.url));
const names = (await readdir(folder)).filter((name) => /\.(jpg|png)$/.test(name)).sort();
const [first, ...others] = names.map((name) => join(folder, name)) as [string, ...string[]];

const times: { readonly step: string; readonly ms: number; readonly note: string }[] = [];

/** Runs a step and notes how long it took, of all and of each of `count` things. */
async function step<T>(name: string, work: () => Promise<T>, count = 1): Promise<T> {
  const start = performance.now();
  const result = await work();
  const ms = performance.now() - start;
  times.push({ step: name, ms, note: count > 1 ? `${(ms / count).toFixed(0)} ms each` : "" });
  return result;
}

const device = await step("open the adapter", () => openDevice());
const clip = await step("load the weights, compile the shaders", () => Clip.fromPretrained(model, { device }));
const one = await step("first picture", () => clip.encodeImage(first));
const rest = await step(`${others.length} further pictures`, () => clip.encodeImage(others), others.length);
const labels = await step(`${LABELS.length} labels`, () => clip.encodeLabels(LABELS, TEMPLATE), LABELS.length);
const text = await step("the text to look for", () => clip.encodeText(query));
const { logits, matches } = await step("compare pictures with labels and text", async () => {
  const images = { data: Float32Array.of(...one.data, ...rest.data), shape: [names.length, one.shape[1] as number] };
  return { logits: await clip.similarity(images, labels), matches: await clip.similarity(images, text) };
});
clip.dispose();
device.destroy();

const { description, vendor, class: kind } = device.info;
const width = Math.max(...names.map((name) => name.length));

console.log(`${bold("Adapter")}  ${description || vendor}${kind.startsWith("cpu") ? " (the CPU, not a GPU)" : ""}\n`);

console.log(`${bold("What is in each picture")}, of the ten words that this small model knows`);
for (const [i, name] of names.entries()) {
  const [best, ...next] = ranked(softmax(row(logits, i)), LABELS);
  if (!best) continue;
  const others = next.slice(0, 2).map(({ name, score }) => `${name} ${percent(score)}`);
  const share = `${best.name.padEnd(10)} ${bar(best.score)} ${percent(best.score).padStart(5)}`;
  console.log(`  ${name.padEnd(width)}  ${share}   ${dim(others.join(", "))}`);
}

console.log(`\n${bold(`Pictures for "${query}"`)}, best first, by cosine similarity times the model's scale`);
const found = ranked(Array.from(matches.data), names).slice(0, 5);
for (const { name, score } of found) {
  console.log(`  ${name.padEnd(width)}  ${bar(score / (found[0]?.score ?? 1))} ${score.toFixed(2).padStart(5)}`);
}

console.log(`\n${bold("Time")}`);
const steps = Math.max(...times.map(({ step }) => step.length));
for (const { step, ms, note } of times) {
  console.log(`  ${step.padEnd(steps)}  ${`${ms.toFixed(0)} ms`.padStart(8)}  ${dim(note)}`.trimEnd());
}

function row({ data, shape }: NdArray, index: number): Float32Array {
  const columns = shape[1] as number;
  return data.subarray(index * columns, (index + 1) * columns);
}

function softmax(logits: Float32Array): number[] {
  const most = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Names with their scores, best first. */
function ranked(scores: readonly number[], names: readonly string[]) {
  return scores.map((score, i) => ({ score, name: names[i] as string })).sort((a, b) => b.score - a.score);
}

function bar(share: number): string {
  const full = Math.round(Math.max(0, share) * 16) || 0;
  return "█".repeat(full).padEnd(16, "·");
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function bold(text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? `\x1b[1m${text}\x1b[22m` : text;
}

function dim(text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR && text ? `\x1b[2m${text}\x1b[22m` : text;
}
