// What `npm start` runs: the models that ship here look at the photos in demos/photos. `npm start -- "a blue ship"`
// ranks them for another text; `npm start -- "a blue ship" FOLDER` puts what it draws there, and not into out/.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import card from "../checkpoints/tiny-clip/card.json";
import { openDevice } from "../src/index.ts";
import { showClip } from "./startClip.ts";
import { showDino } from "./startDino.ts";
import { showSam } from "./startSam.ts";
import { bold, Stopwatch } from "./terminal.ts";

const [query = "a photo of a cat.", drawings = "out"] = process.argv.slice(2);

const folder = fileURLToPath(new URL("../demos/photos", import.meta.url));
const names = (await readdir(folder)).filter((name) => /\.(jpg|png)$/.test(name)).sort();
const photos = names.map((name) => join(folder, name));

const watch = new Stopwatch();
const device = await watch.run("open the adapter", () => openDevice());
const { description, vendor, class: kind } = device.info;
console.log(`${bold("Adapter")}  ${description || vendor}${kind.startsWith("cpu") ? " (the CPU, not a GPU)" : ""}`);

await showClip(device, photos, query, watch);
await showDino(device, photos, drawings, watch);
await showSam(device, photos, drawings, watch);
device.destroy();
watch.print();
console.log(
  `\n${bold("A real model")}  npx webgpu-vision classify photo.jpg --labels "a cat,a cup" --model ${card.realModel}`,
);
