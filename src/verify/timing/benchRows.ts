// What `webgpu-vision bench` times: the kernels that models spend their time in, at the shapes at which CLIP, DINO and
// SAM call them. Operations are the kernel's `flops` (a product 2 M N K, attention 4 B H T T D, a convolution
// 2 B OH OW O C KH KW / groups); bytes are those of the inputs and the output, each once.
import type { Shape } from "../../device/tensor.ts";
import * as suites from "../index.ts";
import type { CaseInput, KernelCase, KernelSuite } from "../suite.ts";

export interface KernelRow {
  readonly suite: KernelSuite;
  /** Where a model does this. */
  readonly what: string;
  readonly test: KernelCase;
  /** Bytes that must move at least; those of the inputs and the output when absent. */
  readonly bytes?: number;
  /** Too much for a CPU adapter in passing: run when asked for by --large or on a GPU. */
  readonly isLarge?: boolean;
}

export type RowInputs = Readonly<Record<string, CaseInput>>;

const SUITES = new Map(Object.values<KernelSuite>(suites).map((suite) => [suite.kernel.name, suite]));

/** A row of the kernel of this name. */
export function row(name: string, what: string, inputs: RowInputs, params: object = {}): KernelRow {
  const suite = SUITES.get(name);
  if (!suite) throw new RangeError(`no kernel ${name} in src/verify`);
  return { suite, what, test: { inputs, params } };
}

/** A linear layer: [M, K] to [M, N] with a bias, and what may follow. */
export function linear(
  what: string,
  [M, K, N]: readonly [number, number, number],
  params: object = {},
  extra: RowInputs = {},
): KernelRow {
  return row("matmul", what, { a: [M, K], b: [K, N], bias: [N], ...extra }, params);
}

/** Attention of a batch of T tokens with heads of size D. */
export function attention(
  what: string,
  [batch, T, heads, D]: readonly [number, number, number, number],
  params: object = {},
): KernelRow {
  const qkv = [batch, T, heads * D];
  return row("attention", what, { q: qkv, k: qkv, v: qkv }, { heads, ...params });
}

/** A convolution with its weights packed, as plans have it; packed: [O, C / groups, KH, KW]. */
export function conv2d(what: string, x: Shape, packed: Shape, params: object): KernelRow {
  const [O = 0, C = 0, KH = 0, KW = 0] = packed;
  const weight = [KH * KW * C, Math.ceil(O / 4) * 4];
  return row("conv2d", what, { x, weight, bias: [O] }, { ...params, packed });
}

/** A few kernels that stand for all. */
export const SUMMARY_ROWS: readonly KernelRow[] = [
  row("matmul", "1024 x 1024 x 1024", { a: [1024, 1024], b: [1024, 1024] }),
  linear("CLIP B/32 fc1", [50, 768, 3072], { activation: "quickGelu" }),
  linear("DINO S/16 fc1", [197, 384, 1536], { activation: "gelu" }),
  attention("DINO S/16", [1, 197, 6, 64]),
  attention("1024 tokens", [1, 1024, 6, 64]),
  conv2d("ResNet-50 layer3 3x3", [1, 14, 14, 256], [256, 256, 3, 3], { padding: 1, activation: "relu" }),
  row("layerNorm", "SAM B", { x: [4096, 768], gamma: [768], beta: [768] }, { eps: 1e-6 }),
];
