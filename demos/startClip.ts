// CLIP's part of `npm start`: names every photo by a list of labels, and ranks them for a text.
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import card from "../checkpoints/tiny-clip/card.json";
import { Clip, type Device, type NdArray } from "../src/index.ts";
import { LEARNT_PHOTOS, SURE_SHARE } from "./learntPhotos.ts";
import { unknownWords } from "./site/search/known.ts";
import { bar, bold, dim, percent, type Stopwatch } from "./terminal.ts";

const { labels: LABELS } = card;
const TEMPLATE = "a photo of a {}.";

const model = fileURLToPath(new URL("../checkpoints/tiny-clip", import.meta.url));

export async function showClip(device: Device, photos: readonly string[], query: string, watch: Stopwatch) {
  const names = photos.map((path) => basename(path));
  const { logits, matches } = await compare(device, photos, query, watch);
  const width = Math.max(...names.map((name) => name.length));
  const tell = (isLearnt: boolean) => {
    for (const [i, name] of names.entries()) {
      if (name in LEARNT_PHOTOS === isLearnt) console.log(`  ${name.padEnd(width)}  ${guess(row(logits, i))}`);
    }
  };
  console.log(`\n${bold("CLIP: what is in each picture")}, by tiny-clip, the small model that ships`);
  console.log(`  It knows ${card.knows}`);
  tell(true);
  console.log("  Other pictures, most of them of what it never learnt, get one of the ten words too:");
  tell(false);

  console.log(`\n${bold(`CLIP: pictures for "${query}"`)}, best first, by cosine similarity times the model's scale`);
  const unknown = unknownWords(query, card);
  if (unknown.length > 0)
    console.log(`  not sure: tiny-clip never learnt ${unknown.join(", ")}; this order means nothing`);
  const bestMatches = ranked(Array.from(matches.data), names).slice(0, 5);
  for (const { name, score } of bestMatches) {
    console.log(
      `  ${name.padEnd(width)}  ${bar(score / (bestMatches[0]?.score ?? 1))} ${score.toFixed(2).padStart(5)}`,
    );
  }
}

/** The best labels with their shares. */
function guess(logits: Float32Array): string {
  const [best, ...next] = ranked(softmax(logits), LABELS);
  if (!best) return "";
  const others = next.slice(0, 2).map(({ name, score }) => `${name} ${percent(score)}`);
  const rest = `${best.score < SURE_SHARE ? "not sure: " : ""}${others.join(", ")}`;
  return `${best.name.padEnd(10)} ${bar(best.score)} ${percent(best.score).padStart(5)}   ${dim(rest)}`;
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
