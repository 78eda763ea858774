// What `npm start` runs: the CLIP that ships here looks at every picture in demos/photos, names each of them by a list
// of labels, and ranks them for a text. `npm start -- "a blue ship"` ranks them for another text.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Clip } from "../src/index.ts";

// What tiny-clip was trained on; any other words need a bigger CLIP.
const LABELS = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const query = process.argv[2] ?? "a photo of a cat";

const photos = fileURLToPath(new URL("../demos/photos", import.meta.url));
const model = fileURLToPath(new URL("../checkpoints/tiny-clip", import.meta.url));

const names = (await readdir(photos)).filter((name) => /\.(jpg|png)$/.test(name)).sort();
const times: string[] = [];

/** Runs a step and notes how long it took. */
async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  times.push(`${name} ${(performance.now() - start).toFixed(0)} ms`);
  return result;
}

const clip = await step("load the model", () => Clip.fromPretrained(model));
const { info } = await clip.device();
console.log(`Adapter: ${info.description || info.vendor}\n`);

const images = await step(`embed ${names.length} pictures`, () =>
  clip.encodeImage(names.map((name) => join(photos, name))),
);
const labels = await step(`embed ${LABELS.length} labels`, () => clip.encodeLabels(LABELS, "a photo of a {}."));
const logits = await step("score the labels", () => clip.similarity(images, labels));
const text = await step("embed the text", () => clip.encodeText(query));
const matches = await step("rank the pictures", () => clip.similarity(images, text));
clip.dispose();

console.log("Labels for each picture (this small model knows ten words):");
for (const [i, name] of names.entries()) {
  const row = softmax(logits.data.subarray(i * LABELS.length, (i + 1) * LABELS.length));
  const best = row.map((score, label) => ({ score, label: LABELS[label] })).sort((a, b) => b.score - a.score);
  const words = best.slice(0, 3).map(({ label, score }) => `${label} ${(score * 100).toFixed(0)}%`);
  console.log(`  ${name.padEnd(18)} ${words.join(", ")}`);
}

console.log(`\nPictures for "${query}", best first (cosine similarity times CLIP's scale):`);
const ranked = names.map((name, i) => ({ name, score: matches.data[i] as number })).sort((a, b) => b.score - a.score);
for (const { name, score } of ranked.slice(0, 5)) console.log(`  ${score.toFixed(2).padStart(6)}  ${name}`);

console.log(`\nTime: ${times.join(", ")}`);

/** Shares of each label. */
function softmax(logits: Float32Array): number[] {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
