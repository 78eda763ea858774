// Which tiles a product takes on GPUs: large ones where there are enough of them, and no more than a quarter of what
// they compute is beyond the result.
import { expect, it } from "vitest";
import type { AdapterClass } from "../../src/device/adapter.ts";
import { matmul } from "../../src/kernels/matmul.ts";
import { GPU } from "../graph/traits.ts";

it.each<[what: string, adapter: AdapterClass, rows: number, columns: number, variant: string]>([
  ["CLIP B/32's tokens, of which 128 would be waste", "amd", 50, 3072, "sharedTile"],
  ["the same", "nvidia", 50, 3072, "sharedTile"],
  ["DINO S/16's tokens", "amd", 197, 1536, "tallTile"],
  ["the same", "nvidia", 197, 1536, "tallTile"],
  ["too few tiles for all cores", "nvidia", 128, 1024, "sharedTile"],
  ["SAM B's tokens", "amd", 4096, 768, "largeTile"],
  ["the same", "nvidia", 4096, 768, "tallTile"],
  ["too few large tiles", "amd", 1024, 1024, "tallTile"],
  ["any", "intel", 4096, 768, "sharedTile"],
  ["one row", "amd", 1, 768, "gemv"],
])("%s on %s: %i x %i by %s", (_, adapter, rows, columns, variant) => {
  const traits = { ...GPU, info: { ...GPU.info, class: adapter } };
  const inputs = {
    a: { dtype: "f32", shape: [1, rows, 64] },
    b: { dtype: "f32", shape: [64, columns] },
  } as const;
  expect(matmul.launch(inputs, { n: columns }, traits).variant).toBe(variant);
});
