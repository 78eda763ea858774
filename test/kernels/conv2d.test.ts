import { conv2dVariants } from "../../src/kernels/conv2d.ts";
import type { DeviceTraits, Launch } from "../../src/kernels/kernel.ts";
import { conv2dSuite } from "../../src/verify/conv2d.ts";
import { kernelTest } from "./kernelTest.ts";

/** The same convolution by the named variant, where its weights are packed. */
const by = (variant: "registerTile" | "laneTile" | "sharedTile") => (launch: Launch, device: DeviceTraits) => {
  const isTile = launch.entryPoint !== "direct" && launch.entryPoint !== "depthwise";
  if (!isTile || (variant === "laneTile" && !device.subgroupSize)) return undefined;
  const { rows = 0, O = 0, C = 0, N4 = 0 } = launch.params;
  const size = { rows, O, C, N4 };
  const { overrides, types, ...chosen } =
    variant === "laneTile" ? conv2dVariants.laneTile(size, device.subgroupSize ?? 0) : conv2dVariants[variant](size);
  return {
    ...launch,
    ...chosen,
    types: { ...launch.types, ...types },
    overrides: { ...launch.overrides, ...overrides },
    workgroups: rows * O === 0 ? launch.workgroups : chosen.workgroups,
  };
};

kernelTest(conv2dSuite, {
  registerTile: by("registerTile"),
  laneTile: by("laneTile"),
  sharedTile: by("sharedTile"),
});
