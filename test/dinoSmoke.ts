// Small DINOs from file to features, for runtimes other than Node: a photo's tokens against PyTorch's.
import { Dino, type ImageLike, openSource, readSafetensors, type SourceLike } from "../src/index.ts";

/** Models of test/golden, of every family. */
export const DINOS = [
  "small-dino",
  "small-dino-p8",
  "small-dinov2",
  "small-dinov2-registers",
  "small-dinov2-swiglu",
  "small-dinov3",
  "small-dino-resnet",
] as const;

export interface DinoSmokeResult {
  /** Of all tokens with PyTorch's. */
  readonly cosine: number;
  /** Buffers that are left on the device when the model is disposed of, beyond those of before. */
  readonly leakedBuffers: number;
}

/** Smallest cosine that passes. */
export const LEAST_COSINE = 0.9999;

/** `golden` is the file of PyTorch's outputs for the picture. */
export async function dinoSmoke(model: SourceLike, golden: string | URL, picture: ImageLike): Promise<DinoSmokeResult> {
  const { size } = (await (await openSource(model)).json("preprocessor_config.json")) as {
    size: { height: number; width: number };
  };
  const file = await readSafetensors(golden);
  const stored = file.tensors.get(`${size.height}x${size.width}.last_hidden_state`);
  if (!stored) throw new RangeError("the golden has no tokens at the model's own size");
  const expected = inOrder(new Float32Array((await stored.read()).buffer), stored.shape);
  await file.close();
  const dino = await Dino.fromPretrained(model);
  const { memory } = await dino.device();
  const { cls, patches, pooled } = await dino.encodeImage(picture);
  dino.dispose();
  const { length } = patches.data;
  // Registers lie between the class token and the patches; they are not features. A ResNet has the map alone.
  const ours = pooled ? [...patches.data] : [...cls.data, ...patches.data];
  const first = pooled ? [] : [...expected.subarray(0, cls.data.length)];
  const theirs = [...first, ...expected.subarray(expected.length - length)];
  return { cosine: cosine(ours, theirs), leakedBuffers: memory.buffers };
}

/** A ResNet's map [1, C, h, w] with its channels last; tokens as they are. */
function inOrder(data: Float32Array, shape: readonly number[]): Float32Array {
  if (shape.length !== 4) return data;
  const C = shape[1] ?? 1;
  const places = data.length / C;
  return data.map((_, i) => data[(i % C) * places + Math.floor(i / C)] ?? Number.NaN);
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * (y[i] ?? Number.NaN), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
