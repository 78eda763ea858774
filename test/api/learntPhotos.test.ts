// The pictures that the demos show of what the small CLIP has learnt: it names every one of them right, and finds them
// first for the texts that the pages offer.
import { join } from "node:path";
import { expect, it } from "vitest";
import card from "../../checkpoints/tiny-clip/card.json";
import { LEARNT_PHOTOS } from "../../demos/learntPhotos.ts";
import { Clip } from "../../src/index.ts";
import { testDevice } from "../adapters.ts";

const ROOT = join(import.meta.dirname, "../..");
const names = Object.keys(LEARNT_PHOTOS);
const paths = names.map((name) => join(ROOT, "demos/photos", name));

it("names each of its ten things, one picture each, and finds what the pages ask for", async () => {
  using clip = await Clip.fromPretrained(join(ROOT, "checkpoints/tiny-clip"), { device: await testDevice() });
  expect(Object.values(LEARNT_PHOTOS).sort()).toEqual(card.labels);
  const answers = await clip.classify(paths, card.labels, { template: "a photo of a {}." });
  expect(answers.map(([best]) => best?.label)).toEqual(Object.values(LEARNT_PHOTOS));
  expect(Math.min(...answers.map(([best]) => best?.score ?? 0))).toBeGreaterThan(0.5);
  const { data } = await clip.similarity(await clip.encodeImage(paths), await clip.encodeText(card.queries));
  const found = card.queries.map((_, query) => {
    const scores = names.map((_, photo) => data[photo * card.queries.length + query] as number);
    return names[scores.indexOf(Math.max(...scores))];
  });
  expect(found).toEqual(["drawn-frog.jpg", "drawn-automobile.jpg", "drawn-horse.jpg"]);
});
