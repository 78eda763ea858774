// CLIP's part of `npm start`: names every photo by a list of labels, and ranks them for a text.
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { Clip, type Device, type NdArray } from "../src/index.ts";
import { bar, bold, dim, percent, type Stopwatch } from "./terminal.ts";

// What tiny-clip was trained on; any other words need a bigger CLIP.
const LABELS = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const TEMPLATE = "a photo of a {}.";

const model = fileURLToPath(new URL("../checkpoints/tiny-clip", import.meta.url));

export async function showClip(device: Device, photos: readonly string[], query: string, watch: Stopwatch) {
  const names = photos.map((path) => basename(path));
  const { logits, matches } = await compare(device, photos, query, watch);
  const width = Math.max(...names.map((name) => name.length));

  console.log(`\n${bold("CLIP: what is in each picture")}, of the ten words that this small model knows`);
  for (const [i, name] of names.entries()) {
    const [best, ...next] = ranked(softmax(row(logits, i)), LABELS);
    if (!best) continue;
    const others = next.slice(0, 2).map(({ name, score }) => `${name} ${percent(score)}`);
    const share = `${best.name.padEnd(10)} ${bar(best.score)} ${percent(best.score).padStart(5)}`;
    console.log(`  ${name.padEnd(width)}  ${share}   ${dim(others.join(", "))}`);
  }

  console.log(`\n${bold(`CLIP: pictures for "${query}"`)}, best first, by cosine similarity times the model's scale`);
  const bestMatches = ranked(Array.from(matches.data), names).slice(0, 5);
  for (const { name, score } of bestMatches) {
    console.log(
      `  ${name.padEnd(width)}  ${bar(score / (bestMatches[0]?.score ?? 1))} ${score.toFixed(2).padStart(5)}`,
    );
  }
}

async function compare(device: Device, photos: readonly string[], query: string, watch: Stopwatch) {
  const [first, ...others] = photos as [string, ...string[]];
  using clip = await watch.run("CLIP: load the weights, compile", () => Clip.fromPretrained(model, { device }));
  const one = await watch.run("CLIP: first picture", () => clip.encodeImage(first));
  const rest = await watch.run(`CLIP: ${others.length} others`, () => clip.encodeImage(others), others.length);
  const labels = await watch.run(
    `CLIP: ${LABELS.length} labels`,
    () => clip.encodeLabels(LABELS, TEMPLATE),
    LABELS.length,
  );
  const text = await watch.run("CLIP: the text to look for", () => clip.encodeText(query));
  return await watch.run("CLIP: compare them all", async () => {
    const images = { data: Float32Array.of(...one.data, ...rest.data), shape: [photos.length, one.shape[1] as number] };
    return { logits: await clip.similarity(images, labels), matches: await clip.similarity(images, text) };
  });
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
