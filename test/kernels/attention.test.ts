import { attentionVariants } from "../../src/kernels/attention.ts";
import type { Launch } from "../../src/kernels/kernel.ts";
import { attentionSuite } from "../../src/verify/attention.ts";
import { kernelTest } from "./kernelTest.ts";

/** The same launch by the named variant. */
const by = (variant: "registerTile" | "sharedKeys") => (launch: Launch) => {
  const { heads = 0, headSize: D = 0, height = 0, width = 0, windowHeight = 0, windowWidth = 0 } = launch.params;
  // Unrolled heads cost the compilers of CPU adapters minutes: the larger ones are left to `chosen` and to GPUs.
  if (variant === "sharedKeys" && D > 16) return undefined;
  const queries = Math.min(height, windowHeight) * Math.min(width, windowWidth);
  const [, , parts = 0] = launch.workgroups;
  const { types, overrides, ...rest } = attentionVariants[variant]({ parts, queries, heads, D });
  const { lib: _, ...others } = launch; // that of laneTile
  return {
    ...others,
    ...rest,
    types: { ...launch.types, ...types },
    overrides: { ...launch.overrides, ...overrides },
  };
};

kernelTest(attentionSuite, { registerTile: by("registerTile"), sharedKeys: by("sharedKeys") });
