// Reference and cases of rope.
import { type RopeParams, rope } from "../../kernels/rope.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

function ropeCase([B, T, heads, D]: readonly [number, number, number, number], prefix: number): KernelCase {
  const table = { shape: [Math.max(0, T - prefix), D], dtype: "f32" } as const;
  return { inputs: { x: [B, T, heads * D], cosine: table, sine: table }, params: { heads, prefix } };
}

export const ropeSuite = defineSuite<RopeParams>({
  kernel: rope,
  reference: ({ x, cosine, sine }, { heads, prefix }) => {
    const { shape, data } = x as HostTensor;
    const [, T = 0, C = 0] = shape;
    const D = C / heads;
    return data.map((value, i) => {
      const token = Math.floor(i / C) % T;
      if (token < prefix) return value;
      const d = (i % C) % D;
      const rotated = d < D / 2 ? -(data[i + D / 2] as number) : (data[i - D / 2] as number);
      const at = (token - prefix) * D + d;
      return value * (cosine?.data[at] as number) + rotated * (sine?.data[at] as number);
    });
  },
  cases: [
    ropeCase([1, 1, 1, 2], 0),
    ropeCase([2, 7, 3, 6], 5),
    ropeCase([1, 64, 1, 64], 0),
    ropeCase([1, 201, 6, 64], 5),
    ropeCase([1, 3, 2, 8], 3),
    ropeCase([0, 5, 2, 8], 1),
  ],
  rejects: [
    { ...ropeCase([1, 4, 1, 5], 0), message: "heads of an even size" },
    {
      inputs: { x: [1, 4, 8], cosine: [4, 4], sine: [3, 4] },
      params: { heads: 2, prefix: 0 },
      message: "sine has shape [3, 4], expected [4, 4]",
    },
  ],
  tolerance: { f32: 1e-6, f16: 2e-3 },
});
