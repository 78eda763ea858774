// What the tests of features share: the goldens of scripts/goldenFeatures.py, and features made by hand.

import type { NdArray } from "../../src/device/tensor.ts";
import type { PatchFeatures } from "../../src/features/featureRows.ts";
import type { LabelMask } from "../../src/features/labelSource.ts";
import { readGolden } from "../models/parity.ts";

/** Looks up a golden by name. */
export async function featureGoldens(): Promise<(name: string) => NdArray> {
  const golden = await readGolden("test/golden/features/golden.safetensors");
  return (name) => {
    const tensor = golden.get(name);
    if (!tensor) throw new Error(`there is no golden ${name}`);
    return tensor;
  };
}

/** The features of the video's frames, and the mask of the first. */
export function videoOf(golden: (name: string) => NdArray): { frames: PatchFeatures[]; mask: LabelMask } {
  const { data, shape } = golden("video.features");
  const [count = 0, patches = 0, channels = 0] = shape;
  const frames = Array.from({ length: count }, (_, t) => {
    const frame = data.subarray(t * patches * channels, (t + 1) * patches * channels);
    return patchesOf({ data: frame, shape: [1, patches, channels] }, 8, 10);
  });
  return { frames, mask: { width: 30, height: 24, data: Uint8Array.from(golden("video.mask").data) } };
}

export function patchesOf(patches: NdArray, height: number, width: number): PatchFeatures {
  return { patches, grid: [height, width] };
}

/** Rows [N, C], or patches [1, N, C] with `leading`. */
export function array(rows: readonly (readonly number[])[], leading: readonly number[] = []): NdArray {
  return { data: Float32Array.from(rows.flat()), shape: [...leading, rows.length, rows[0]?.length ?? 0] };
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} elements beside ${b.length}`);
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] as number) - (b[i] as number));
    if (!(difference <= most)) most = difference; // NaN too
  }
  return most;
}
