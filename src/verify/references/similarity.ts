// Reference and cases of similarity.
import { type SimilarityParams, similarity } from "../../kernels/similarity.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

function similarityCase(
  M: number,
  N: number,
  C: number,
  extra: readonly string[] = [],
  params: SimilarityParams = {},
): KernelCase {
  const scalars = Object.fromEntries(extra.map((name) => [name, [1]]));
  return { inputs: { a: [M, C], b: [N, C], ...scalars }, params };
}

export const similaritySuite = defineSuite<SimilarityParams>({
  kernel: similarity,
  reference: ({ a, b, logitScale, bias }, { exp }) => {
    const [M = 0, C = 0] = (a as HostTensor).shape;
    const [N = 0] = (b as HostTensor).shape;
    const stored = logitScale?.data[0] ?? 1;
    const scale = logitScale && exp ? Math.exp(stored) : stored;
    const at = (t: HostTensor | undefined, i: number) => t?.data[i] as number;
    const dot = (m: number, n: number) => {
      let sum = 0;
      for (let c = 0; c < C; c++) sum += at(a, m * C + c) * at(b, n * C + c);
      return sum;
    };
    return Float64Array.from({ length: M * N }, (_, i) => dot(Math.floor(i / N), i % N) * scale + (bias?.data[0] ?? 0));
  },
  cases: [
    similarityCase(1, 1, 1),
    similarityCase(3, 5, 7, ["logitScale"], { exp: true }),
    similarityCase(8, 8, 512, ["logitScale"]),
    similarityCase(9, 65, 33, ["logitScale", "bias"], { exp: true }),
    similarityCase(1, 1000, 512, ["bias"]),
    similarityCase(0, 4, 8),
    similarityCase(2, 3, 0, ["bias"]),
  ],
  rejects: [
    { inputs: { a: [2, 8], b: [3, 7] }, message: "b has shape [3, 7], expected [3, 8]" },
    { inputs: { a: [2, 8], b: [3, 8], logitScale: [2] }, message: "logitScale has shape [2]" },
  ],
  tolerance: { f32: 5e-6, f16: 2e-3 },
});
