import { expect, it } from "vitest";
import { interpolateSuite } from "../../src/verify/interpolate.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(interpolateSuite);

// Values that PyTorch publishes: the first is the example of torch.nn.Upsample's documentation, the second is in its own
// tests (test_upsamplingBicubic2d_correctness).
it.each([
  ["bilinear", [1, 2, 3, 4], [1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4]],
  [
    "bicubic",
    [0, 1, 2, 3],
    [-0.31641, 0.01562, 0.5625, 0.89453, 0.34766, 0.67969, 1.22656, 1.55859, 1.44141, 1.77344, 2.32031, 2.65234].concat(
      [2.10547, 2.4375, 2.98438, 3.31641],
    ),
  ],
] as const)("the reference agrees with PyTorch: %s", (mode, data, wanted) => {
  const x = { shape: [2, 2, 1], data: Float64Array.from(data) };
  const got = interpolateSuite.reference({ x }, { mode, scaleFactor: [2, 2] } as never);
  wanted.forEach((value, i) => {
    expect(got[i]).toBeCloseTo(value, 5);
  });
});
