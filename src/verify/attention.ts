// Reference and cases of attention.
import { type AttentionParams, attention } from "../kernels/attention.ts";
import { defineSuite, type HostTensor, type KernelCase } from "./suite.ts";

interface AttentionCase extends AttentionParams {
  readonly batch: number;
  readonly queries: number;
  readonly keys?: number;
  readonly D: number;
}

/** Separate q, k and v, or one packed tensor when there are as many keys as queries. */
function separate({ batch, queries, keys = queries, D, ...params }: AttentionCase): KernelCase {
  const channels = params.heads * D;
  return { inputs: { q: [batch, queries, channels], k: [batch, keys, channels], v: [batch, keys, channels] }, params };
}

function packed({ batch, queries, D, ...params }: AttentionCase): KernelCase {
  const channels = params.heads * D;
  const qkv = [batch, queries, 3 * channels];
  return {
    inputs: { q: qkv, k: qkv, v: qkv },
    params: { ...params, channels, kOffset: channels, vOffset: 2 * channels },
  };
}

const HEAD_SIZES = [14, 16, 32, 56, 72, 80, 96, 128, 256];

export const attentionSuite = defineSuite<AttentionParams>({
  kernel: attention,
  reference: (inputs, params) => {
    const [q, k, v] = [inputs.q, inputs.k, inputs.v] as [HostTensor, HostTensor, HostTensor];
    const { heads, qOffset = 0, kOffset = 0, vOffset = 0, causal = false } = params;
    const [batch, queries, qStride] = q.shape as [number, number, number];
    const [, keys, kStride] = k.shape as [number, number, number];
    const vStride = v.shape[2] as number;
    const channels = params.channels ?? qStride;
    const D = channels / heads;
    const scale = params.scale ?? 1 / Math.sqrt(D);
    const out = new Float64Array(batch * queries * channels);
    const score = new Float64Array(keys);
    for (let row = 0; row < batch * queries; row++) {
      const first = Math.floor(row / queries) * keys;
      const count = causal ? (row % queries) + 1 + keys - queries : keys;
      for (let head = 0; head < heads; head++) {
        let total = 0;
        for (let key = 0; key < count; key++) {
          let dot = 0;
          for (let d = 0; d < D; d++) {
            const a = q.data[row * qStride + qOffset + head * D + d] as number;
            dot += a * (k.data[(first + key) * kStride + kOffset + head * D + d] as number);
          }
          score[key] = Math.exp(dot * scale);
          total += score[key] as number;
        }
        for (let d = 0; d < D; d++) {
          let sum = 0;
          for (let key = 0; key < count; key++) {
            sum += (score[key] as number) * (v.data[(first + key) * vStride + vOffset + head * D + d] as number);
          }
          out[row * channels + head * D + d] = sum / total;
        }
      }
    }
    return out;
  },
  cases: [
    separate({ batch: 1, queries: 1, heads: 1, D: 4 }),
    separate({ batch: 2, queries: 5, keys: 19, heads: 3, D: 8 }),
    separate({ batch: 1, queries: 3, keys: 1, heads: 2, D: 5 }),
    packed({ batch: 1, queries: 50, heads: 2, D: 64 }),
    packed({ batch: 2, queries: 65, heads: 1, D: 64 }),
    packed({ batch: 1, queries: 197, heads: 1, D: 32 }),
    packed({ batch: 2, queries: 77, heads: 2, D: 16, causal: true }),
    separate({ batch: 1, queries: 3, keys: 10, heads: 1, D: 16, causal: true }),
    separate({ batch: 1, queries: 9, heads: 2, D: 8, scale: 3 }),
    ...HEAD_SIZES.map((D) => packed({ batch: 1, queries: 17, heads: 2, D })),
    separate({ batch: 0, queries: 4, heads: 2, D: 8 }),
    {
      inputs: { q: { shape: [1, 8, 16], low: -60, high: 60 }, k: [1, 40, 16], v: [1, 40, 16] },
      params: { heads: 1, scale: 1 },
      why: "scores of hundreds: exp without the maximum would overflow",
      dtypes: ["f32"],
    },
    {
      inputs: {
        q: { shape: [1, 3, 4], data: [1, 2, 3, 4, 1, Number.NaN, 3, 4, 4, 3, 2, 1] },
        k: [1, 5, 4],
        v: [1, 5, 4],
      },
      params: { heads: 1 },
      why: "NaN stays where it is",
    },
  ],
  rejects: [
    {
      inputs: { q: [1, 4, 10], k: [1, 4, 10], v: [1, 4, 10] },
      params: { heads: 3 },
      message: "10 channels do not divide into 3 heads",
    },
    { inputs: { q: [1, 4, 8], k: [2, 4, 8], v: [2, 4, 8] }, params: { heads: 2 }, message: "one batch" },
    {
      inputs: { q: [1, 4, 8], k: [1, 4, 8], v: [1, 4, 8] },
      params: { heads: 2, vOffset: 4 },
      message: "go beyond a row",
    },
  ],
  tolerance: { f32: 2e-5, f16: 2e-3 },
});
