// Small DINOs from file to features, for runtimes other than Node: a photo's tokens against PyTorch's.
import { Dino, type ImageLike, openSource, readSafetensors, type SourceLike } from "../src/index.ts";

/** Models of test/golden, of every family with a ViT. */
export const DINOS = [
  "small-dino",
  "small-dino-p8",
  "small-dinov2",
  "small-dinov2-registers",
  "small-dinov2-swiglu",
  "small-dinov3",
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
  const wanted = new Float32Array((await stored.read()).buffer);
  await file.close();
  const dino = await Dino.fromPretrained(model);
  const { memory } = await dino.device();
  const { cls, patches } = await dino.encodeImage(picture);
  dino.dispose();
  // Registers lie between the class token and the patches; they are not features.
  const rest = wanted.subarray(wanted.length - patches.data.length);
  const ours = [...cls.data, ...patches.data];
  return { cosine: cosine(ours, [...wanted.subarray(0, cls.data.length), ...rest]), leakedBuffers: memory.buffers };
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * (y[i] ?? Number.NaN), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
