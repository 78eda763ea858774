// transformers' names of activations (transformers: activations.py, ACT2FN).
import type { Activation } from "../kernels/activation.ts";

export const HIDDEN_ACTS: Readonly<Record<string, Activation>> = {
  quick_gelu: "quickGelu",
  gelu: "gelu",
  gelu_python: "gelu",
  gelu_new: "geluTanh",
  gelu_fast: "geluTanh",
  gelu_python_tanh: "geluTanh",
  gelu_pytorch_tanh: "geluTanh",
  relu: "relu",
  silu: "silu",
  swish: "silu",
};
