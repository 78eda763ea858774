import { attentionVariants } from "../../src/kernels/attention.ts";
import type { Launch } from "../../src/kernels/kernel.ts";
import { attentionSuite } from "../../src/verify/attention.ts";
import { kernelTest } from "./kernelTest.ts";

/** The same launch by the named variant; each head is read by single elements, which is right for any size. */
const by = (variant: keyof typeof attentionVariants) => (launch: Launch) => {
  const { heads = 0, height = 0, width = 0, windowHeight = 0, windowWidth = 0 } = launch.params;
  const { qOffset, kOffset, vOffset, qStride, kStride, vStride } = launch.params;
  const D = Number.parseInt(String(launch.types?.D), 10);
  // Unrolled heads cost the compilers of CPU adapters minutes: the larger ones are left to `chosen` and to GPUs.
  if (variant === "sharedKeys" && D > 32) return undefined;
  const isWide = [D, qOffset, kOffset, vOffset, qStride, kStride, vStride].every((n) => Number(n) % 4 === 0);
  const queries = Math.min(height, windowHeight) * Math.min(width, windowWidth);
  const [, , parts = 0] = launch.workgroups;
  const { types, overrides, ...rest } = attentionVariants[variant]({ parts, queries, heads, D, isWide });
  return { ...launch, ...rest, types: { ...launch.types, ...types }, overrides: { ...launch.overrides, ...overrides } };
};

kernelTest(attentionSuite, { registerTile: by("registerTile"), sharedKeys: by("sharedKeys") });
