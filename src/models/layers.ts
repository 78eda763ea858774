// Layers that all models are written with: PyTorch's modules as functions of a value and the weights below a name.
import { lastDim, sizeOf } from "../device/tensor.ts";
import type { Value } from "../graph/graph.ts";
import * as ops from "../graph/ops.ts";
import type { Activation } from "../kernels/activation.ts";
import type { Weights } from "./weights.ts";

// WebGPU's default limit of one binding: a table beyond it is read in parts.
const MOST_BYTES = 128 << 20;

/** nn.Linear: weight [out, in], and bias [out] when there is one. x [..., in] gives [..., out]. */
export function linear(x: Value, w: Weights): Value {
  const weight = w.get("weight", [undefined, lastDim(x)]);
  const n = weight.shape[0] as number;
  const bias = w.has("bias") ? w.get("bias", [n]) : undefined;
  return project(x, weight, bias);
}

/** x · weightᵀ + bias; the weight is packed once, at load. */
export function project(x: Value, weight: Value, bias?: Value): Value {
  return ops.matmul({ a: x, b: ops.transpose({ x: weight }, { padTo: 4 }), bias }, { n: weight.shape[0] as number });
}

/**
 * nn.LayerNorm over the last axis; with `step`, of every step-th row only ([B, T, C] with step T: the first tokens).
 */
export function layerNorm(x: Value, w: Weights, eps: number, step?: number): Value {
  const [gamma, beta] = [w.get("weight", [lastDim(x)]), w.get("bias", [lastDim(x)])];
  return ops.layerNorm({ x, gamma, beta }, step === undefined ? { eps } : { eps, start: 0, step });
}

/** Weighs each channel of a branch, where a model does (Touvron et al. 2021): DINOv2 and v3, some of open_clip. */
export function layerScale(x: Value, w: Weights): Value {
  return w.has("gamma") ? ops.binary({ a: x, b: w.get("gamma", [lastDim(x)]) }, { op: "mul" }) : x;
}

export function add(a: Value, b: Value): Value {
  return ops.binary({ a, b }, { op: "add" });
}

export function activation(x: Value, kind: Activation): Value {
  return kind === "none" ? x : ops.unary({ x }, { kind });
}

/** nn.Embedding: weight [rows, C]; ids [..] give [.., C]. */
export function embedding(ids: Value, w: Weights): Value {
  const [rows = 0, C = 0] = w.shape("weight");
  const most = Math.max(1, Math.floor(MOST_BYTES / (C * 4)));
  let x: Value | undefined;
  for (let rowStart = 0; rowStart < rows; rowStart += most) {
    const table = w.get("weight", [undefined, undefined], [rowStart, Math.min(rows, rowStart + most)]);
    x = ops.gather({ ids, table, previous: x }, { rowStart });
  }
  return x as Value;
}

/** nn.Conv2d with stride = kernel = patch: pixels [B, H, W, 3] give [B, N, C]; a remainder at the edges is dropped. */
export function patchEmbedding(pixels: Value, w: Weights, patch: number): Value {
  const channels = lastDim(pixels);
  const weight = w.get("weight", [undefined, channels, patch, patch]);
  const C = weight.shape[0] as number;
  const patches = ops.unfold({ x: pixels }, { patch }); // [B, N, 3 * patch * patch]
  const flat = weight.graph.reshape(weight, [C, sizeOf(weight.shape) / C]);
  return project(patches, flat, w.has("bias") ? w.get("bias", [C]) : undefined);
}
