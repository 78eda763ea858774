// Reference and cases of prepend.
import type { Shape } from "../../device/tensor.ts";
import { prepend } from "../../kernels/prepend.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

function prependCase(x: Shape, token: Shape, positions?: Shape, why?: string): KernelCase {
  return { inputs: { x, token, ...(positions && { positions }) }, ...(why && { why }) };
}

export const prependSuite = defineSuite<object>({
  kernel: prepend,
  reference: ({ x, token, positions }) => {
    const { shape, data } = x as HostTensor;
    const [batch = 0, tokens = 0, cols = 0] = shape;
    const before = [...(token as HostTensor).data];
    const pictures = Array.from({ length: batch }, (_, b) => {
      const rows = [...before, ...data.subarray(b * tokens * cols, (b + 1) * tokens * cols)];
      return rows.map((v, i) => v + (positions?.data[i] ?? 0));
    });
    return Float64Array.from(pictures.flat());
  },
  cases: [
    prependCase([1, 1, 1], [1], [2, 1]),
    prependCase([2, 49, 64], [64], [50, 64], "CLIP"),
    prependCase([3, 16, 48], [1, 1, 48], [1, 17, 48], "ViT in PyTorch's shapes"),
    prependCase([2, 9, 32], [5, 32], undefined, "class and register tokens"),
    prependCase([3, 4, 7], [2, 7], [6, 7], "odd columns"),
    prependCase([3, 4, 7], [7], undefined, "odd columns"),
    prependCase([1, 63, 4], [4], [64, 4], "one workgroup"),
    prependCase([1, 64, 4], [4], [65, 4], "one row more"),
    prependCase([2, 196, 768], [768], [197, 768], "large"),
    prependCase([0, 4, 8], [8], [5, 8]),
    prependCase([2, 0, 8], [8], [1, 8]),
  ],
  rejects: [
    { ...prependCase([4, 8], [8]), message: "x has shape [4, 8], expected 3 axes" },
    { ...prependCase([1, 4, 8], [7]), message: "token has shape [7], expected [tokens, 8]" },
    { ...prependCase([1, 4, 8], [8], [4, 8]), message: "positions has shape [4, 8], expected [5, 8]" },
    { ...prependCase([1, 4, 8], [2, 1, 8]), message: "token has shape [2, 1, 8]" },
  ],
  tolerance: { f32: 1e-6, f16: 1e-3 },
});
