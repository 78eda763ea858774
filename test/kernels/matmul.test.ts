import type { DeviceTraits, Launch } from "../../src/kernels/kernel.ts";
import { matmulVariants } from "../../src/kernels/matmul.ts";
import { matmulSuite } from "../../src/verify/matmul.ts";
import { kernelTest } from "./kernelTest.ts";

/** The same product by the named variant. */
const by = (variant: keyof typeof matmulVariants) => (launch: Launch, device: DeviceTraits) => {
  if (variant === "laneTile" && !device.subgroupSize) return undefined;
  const { M = 0, N = 0, K = 0, N4 = 0, batch = 0 } = launch.params;
  const { overrides, types, ...chosen } = matmulVariants[variant]({ M, N, K, N4, batch }, 1, device.subgroupSize ?? 0);
  return {
    ...launch,
    ...chosen,
    types: { ...launch.types, ...types },
    overrides: { ...launch.overrides, ...overrides },
  };
};

kernelTest(matmulSuite, {
  registerTile: by("registerTile"),
  laneTile: by("laneTile"),
  sharedTile: by("sharedTile"),
  singleRow: by("singleRow"),
});
