// The loop of attention for GPUs as they run it: unrolled, which takes a CPU adapter's compiler 4 to 20 s for each
// pipeline. So there EVERY_VARIANT=1 runs all of them, and otherwise two.
import { describe, expect, it } from "vitest";
import { isCpu } from "../../src/kernels/variants.ts";
import { attentionSuite } from "../../src/verify/references/attention.ts";
import { runCase } from "../../src/verify/run.ts";
import { type KernelCase, makeInputs } from "../../src/verify/suite.ts";
import { testDevice } from "../adapters.ts";

const { kernel } = attentionSuite;
const BRIEF = new Set(["subgroupFlashTile", "smallChunkedFlashTile"]);
const qkv = [1, 70, 3 * 20];
const packed = { heads: 1, channels: 20, kOffset: 20, vOffset: 40 };

const CASES: Record<string, KernelCase> = {
  "two tiles of keys, and a head that ends within a chunk": { inputs: { q: qkv, k: qkv, v: qkv }, params: packed },
  "windows with padding and relative positions": {
    inputs: { q: qkv, k: qkv, v: qkv, pad: [60], rel: [1, 70, 1, 16] },
    params: { ...packed, grid: [7, 10], window: 8 },
  },
};

describe.each(Object.entries(CASES))("%s", (_, test) => {
  const { params = {} } = test;
  const specs = Object.fromEntries(Object.entries(makeInputs(test, "f32")).map(([name, { spec }]) => [name, spec]));
  const variants = kernel.variants(specs, params);
  const flashTiles = variants?.names.filter((name) => /flashTile/i.test(name)) ?? [];

  it.for(flashTiles)("%s, unrolled", async (variant, context) => {
    const device = await testDevice();
    if (isCpu(device.info.class) && !process.env.EVERY_VARIANT && !BRIEF.has(variant)) {
      return context.skip("CPU adapters compile this for 20 s: EVERY_VARIANT=1 runs it");
    }
    if (!variants?.fits(variant, device)) return context.skip("this adapter has no subgroups of 4 threads or more");
    const result = await runCase(device, attentionSuite, test, "f32", () => {
      const launch = kernel.launch(specs, params, device, variant);
      return { ...launch, types: { ...launch.types, UNROLL: "true" } };
    });
    expect(result.error).toBeLessThanOrEqual(result.tolerance);
  });
});
