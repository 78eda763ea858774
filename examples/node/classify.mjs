// Says what is in a photo: node classify.mjs photo.jpg cat,dog,coffee [model]
import { Clip } from "webgpu-vision";

const [photo, labels = "cat,dog,coffee", model = "openai/clip-vit-base-patch32"] = process.argv.slice(2);
const clip = await Clip.fromPretrained(model);
for (const { label, score } of await clip.classify(photo, labels.split(","))) {
  console.log(`${(100 * score).toFixed(1).padStart(5)} %  ${label}`);
}
clip.dispose(); // lets the process end
