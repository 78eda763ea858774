import { expect, it } from "vitest";
import type { InterpolateParams } from "../../src/kernels/interpolate.ts";
import { interpolateSuite } from "../../src/verify/references/interpolate.ts";
import { referencesOf } from "../../src/verify/suite.ts";
import { kernelTest } from "./kernelTest.ts";

kernelTest(interpolateSuite);

interface Published {
  readonly from: string;
  readonly params: InterpolateParams;
  readonly shape: readonly number[];
  readonly x: readonly number[];
  readonly y: readonly number[];
}

const PUBLISHED: readonly Published[] = [
  {
    from: "the documentation of torch.nn.Upsample",
    params: { mode: "bilinear", scaleFactor: [2, 2] },
    shape: [2, 2, 1],
    x: [1, 2, 3, 4],
    y: [1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4],
  },
  {
    from: "PyTorch's own tests, test_upsamplingBicubic2d_correctness",
    params: { mode: "bicubic", scaleFactor: [2, 2] },
    shape: [2, 2, 1],
    x: [0, 1, 2, 3],
    y: [
      [-0.31641, 0.01562, 0.5625, 0.89453, 0.34766, 0.67969, 1.22656, 1.55859],
      [1.44141, 1.77344, 2.32031, 2.65234, 2.10547, 2.4375, 2.98438, 3.31641],
    ].flat(),
  },
  {
    from: "PyTorch 2.13, one channel of the positions of a Dinov2WithRegistersModel with random weights",
    params: { mode: "bicubic", size: [7, 4], antialias: true },
    shape: [5, 5, 1],
    x: [
      [0.150766, 0.219931, 0.062272, 0.287492, -0.011017, 0.017118, -0.177094, -0.127019, 0.499758, -0.451234],
      [0.359262, -0.253672, -0.235724, -0.27852, 0.133019, 0.008364, -0.17542, 0.206068, 0.148597, 0.078021],
      [0.345233, 0.01727, 0.224076, 0.075713, -0.472341],
    ].flat(),
    y: [
      [0.18331, 0.16836, 0.19552, 0.07424, 0.04577, -0.0427, 0.28861, -0.12826, 0.03624, -0.24796],
      [0.14687, -0.19116, 0.24272, -0.26388, -0.27411, 0.05317, 0.00827, -0.0979, 0.0676, 0.12226],
      [0.07508, 0.04054, 0.21213, -0.11413, 0.2912, 0.10272, 0.1608, -0.40376],
    ].flat(),
  },
];

it.each(PUBLISHED)("the reference agrees with $from", ({ params, shape, x, y }) => {
  const [got = []] = referencesOf(interpolateSuite, { x: { shape, data: Float64Array.from(x) } }, params);
  expect(got.length).toBe(y.length);
  y.forEach((value, i) => {
    expect(Math.abs((got[i] as number) - value)).toBeLessThan(1e-5);
  });
});
