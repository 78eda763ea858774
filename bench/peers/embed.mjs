// transformers.js' side of bench/embedSides.ts: a line of paths as JSON in, their embeddings as a line out.
// node bench/peers/embed.mjs FOLDER_OF_PACKAGES MODEL cpu|webgpu
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [packages, model, device] = process.argv.slice(2);
const required = createRequire(join(packages, "package.json")).resolve("@huggingface/transformers");
const { AutoProcessor, CLIPVisionModelWithProjection, env, RawImage } = await import(pathToFileURL(required).href);
env.allowRemoteModels = false;
env.localModelPath = dirname(model);
const processor = await AutoProcessor.from_pretrained(basename(model));
const tower = await CLIPVisionModelWithProjection.from_pretrained(basename(model), { device, dtype: "fp32" });
const BATCH = 32;

async function embed(paths) {
  const images = await Promise.all(paths.map((path) => RawImage.read(path)));
  const { image_embeds } = await tower(await processor(images));
  return image_embeds.normalize().tolist();
}

for await (const line of createInterface({ input: process.stdin })) {
  const paths = JSON.parse(line);
  const rows = [];
  for (let first = 0; first < paths.length; first += BATCH) {
    rows.push(...(await embed(paths.slice(first, first + BATCH))));
  }
  console.log(JSON.stringify(rows));
}
