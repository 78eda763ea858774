// Reads what scripts/golden.py wrote: outputs of PyTorch, and the pixel values that it was given.
import type { NdArray } from "../src/device/tensor.ts";
import { readSafetensors } from "../src/io/safetensors/safetensors.ts";

/** All tensors of a golden as numbers. */
export async function readGolden(path: string): Promise<Map<string, NdArray>> {
  const file = await readSafetensors(path);
  const golden = new Map<string, NdArray>();
  for (const [name, { dtype, shape, read }] of file.tensors) {
    const { buffer } = await read();
    if (dtype === "U8") golden.set(name, pixelValues(new Uint8Array(buffer), shape, file.metadata));
    else if (dtype === "I32") golden.set(name, { data: Float32Array.from(new Int32Array(buffer)), shape });
    else golden.set(name, { data: new Float32Array(buffer), shape });
  }
  await file.close();
  return golden;
}

/**
 * Pixel values [B, 3, H, W] from the picture's bytes, which take a quarter of the room: (byte / 255 - mean) / std, each
 * step rounded to float32 as PyTorch rounds it, so that they are its values to the last bit.
 */
function pixelValues(bytes: Uint8Array, shape: readonly number[], metadata: Readonly<Record<string, string>>): NdArray {
  const [mean, std] = ["pixel_mean", "pixel_std"].map((name) => Float32Array.from(JSON.parse(metadata[name] ?? "[]")));
  const [, channels = 0, height = 0, width = 0] = shape;
  const data = new Float32Array(bytes.length);
  for (let i = 0; i < data.length; i++) {
    const channel = Math.floor(i / (height * width)) % channels;
    const fromZeroToOne = Math.fround((bytes[i] as number) / 255);
    data[i] = Math.fround(fromZeroToOne - (mean?.[channel] as number)) / (std?.[channel] as number);
  }
  return { data, shape };
}
