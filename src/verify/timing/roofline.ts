// The roofline of an adapter, measured by two kernels of its own: how fast it multiplies and how fast it copies.
import type { Spec } from "../../device/tensor.ts";
import { defineKernel, foldWorkgroups } from "../../kernels/kernel.ts";
import { isCpu } from "../../kernels/variants.ts";
import source from "../roofline.wgsl";
import type { Timed } from "./measure.ts";

interface CopyParams {
  readonly bytes: number;
}

const THREADS = 256;

const copy = defineKernel<CopyParams>()({
  name: "copy",
  wgsl: [source],
  inputs: ["x"],
  params: { words: "u32", rounds: "u32" },
  output: ({ x }) => x,
  launch: (_, { bytes }, device) => {
    // A thread is dear on a CPU adapter, and many of them are what a GPU needs.
    const wordsOfThread = isCpu(device.info.class) ? 64 : 4;
    return {
      entryPoint: "copy",
      params: { words: bytes / 16 },
      overrides: { WG: THREADS, WORDS: wordsOfThread },
      workgroups: foldWorkgroups(Math.ceil(bytes / 16 / wordsOfThread / THREADS)),
    };
  },
});

interface MultiplyAddParams {
  readonly threads: number;
  readonly rounds: number;
}

const multiplyAdd = defineKernel<MultiplyAddParams>()({
  name: "multiplyAdd",
  wgsl: [source],
  inputs: ["x"],
  params: { words: "u32", rounds: "u32" },
  output: (_, { threads }) => ({ dtype: "f32", shape: [threads, 4] }),
  launch: (_, { threads, rounds }) => ({
    entryPoint: "multiplyAdd",
    params: { words: threads, rounds },
    overrides: { WG: THREADS },
    workgroups: foldWorkgroups(threads / THREADS),
  }),
  flops: (_, { threads, rounds }) => threads * rounds * 192,
});

/** Both kernels as rows to time; larger on a GPU, which a small one would not fill. */
export function rooflineRows(onCpu: boolean): { readonly multiplyAdd: Timed; readonly copy: Timed } {
  const bytes = onCpu ? 2 ** 24 : 2 ** 26;
  const big: Spec = { dtype: "f32", shape: [bytes / 4] };
  const [threads, rounds] = onCpu ? [4096, 256] : [2 ** 20, 256];
  return {
    multiplyAdd: {
      kernel: multiplyAdd,
      inputs: [{ x: { spec: { dtype: "f32", shape: [8] }, data: new Float32Array(8).fill(0.5) } }],
      params: { threads, rounds },
      bytes: 16 * threads,
    },
    copy: {
      kernel: copy,
      inputs: [{ x: { spec: big, data: new Float32Array(bytes / 4).fill(1) } }],
      params: { bytes },
      bytes: 2 * bytes,
    },
  };
}

/** What the adapter reached. */
export interface Roofline {
  readonly gflops: number;
  readonly gbytes: number;
}

/** Share of the roofline: the least time that the work could take here, by the time it took. */
export function shareOf(
  roofline: Roofline,
  work: { readonly flops: number; readonly bytes: number },
  ms: number,
): number {
  return Math.max(work.flops / roofline.gflops, work.bytes / roofline.gbytes) / 1e6 / ms;
}
