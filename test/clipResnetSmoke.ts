// A small CLIP ResNet from file to embeddings, for runtimes other than Node: two photos against open_clip's.
import { Clip, type ImageLike, readSafetensors, type SourceLike } from "../src/index.ts";

/** The folder of test/golden, and the photos that open_clip was given. */
export const CLIP_RESNET = {
  folder: "test/golden/small-clip-resnet",
  photos: ["demos/photos/chelsea.png", "demos/photos/coffee.png"],
} as const;

/** Smallest cosine of an embedding with open_clip's. */
export async function clipResnetSmoke(
  model: SourceLike,
  golden: string | URL,
  photos: readonly ImageLike[],
): Promise<number> {
  const file = await readSafetensors(golden);
  const expected = new Float32Array((await file.tensors.get("image_embeds")?.read())?.buffer ?? new ArrayBuffer());
  await file.close();
  const clip = await Clip.fromPretrained(model);
  const { data, shape } = await clip.encodeImage(photos);
  clip.dispose();
  const columns = shape[1] ?? 1;
  const row = (all: Float32Array, i: number) => all.subarray(i * columns, (i + 1) * columns);
  // Ours are of unit length; open_clip's are not.
  const cosines = photos.map((_, i) => {
    const [ours, theirs] = [row(data, i), row(expected, i)];
    return ours.reduce((sum, value, c) => sum + value * (theirs[c] ?? Number.NaN), 0) / Math.hypot(...theirs);
  });
  return Math.min(...cosines);
}
