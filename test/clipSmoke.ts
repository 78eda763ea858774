// The shipped CLIP from file to label, for runtimes other than Node: texts against PyTorch's embeddings, and a cat.
import expected from "../checkpoints/tiny-clip/expected.json";
import { Clip, type ImageLike, type SourceLike } from "../src/index.ts";

export interface SmokeResult {
  /** Largest difference to an element of PyTorch's text embeddings (the first 16 of each text are known). */
  readonly textError: number;
  /** Best of "cat", "ship" and "truck" for the picture. */
  readonly label: string;
  /** Of the embeddings of the picture given twice. */
  readonly shape: readonly number[];
  /** Largest difference between those two. */
  readonly batchError: number;
  /** Buffers that are left on the device when the model is disposed of, beyond those of before. */
  readonly leakedBuffers: number;
}

/** Largest text error that passes. */
export const TEXT_TOLERANCE = 1e-4;

export async function clipSmoke(model: SourceLike, picture: ImageLike): Promise<SmokeResult> {
  const clip = await Clip.fromPretrained(model);
  const { memory } = await clip.device();
  const text = await clip.encodeText(expected.texts);
  const columns = text.shape[1] ?? 0;
  const errors = expected.text_embeds.flatMap(({ first }, row) =>
    first.map((value, i) => Math.abs(value - (text.data[row * columns + i] ?? Number.NaN))),
  );
  const [best] = await clip.classify(picture, ["ship", "cat", "truck"]);
  const { data, shape } = await clip.encodeImage([picture, picture]);
  const half = data.length / 2;
  const differences = Array.from(data.subarray(0, half), (value, i) =>
    Math.abs(value - (data[half + i] ?? Number.NaN)),
  );
  clip.dispose();
  return {
    textError: Math.max(...errors),
    label: best?.label ?? "",
    shape,
    batchError: Math.max(...differences),
    leakedBuffers: memory.buffers,
  };
}
