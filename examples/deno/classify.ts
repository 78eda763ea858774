// Says what is in a photo: deno run --unstable-webgpu -A classify.ts photo.jpg cat,dog,coffee [model]
import { Clip } from "webgpu-vision";

const [photo, labels = "cat,dog,coffee", model = "openai/clip-vit-base-patch32"] = Deno.args;
using clip = await Clip.fromPretrained(model);
for (const { label, score } of await clip.classify(photo, labels.split(","))) {
  console.log(`${(100 * score).toFixed(1).padStart(5)} %  ${label}`);
}
