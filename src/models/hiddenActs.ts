// transformers' names of activations (transformers: activations.py, ACT2FN).
import { CheckpointError } from "../device/errors.ts";
import type { Activation } from "../kernels/activation.ts";
import { type Fields, text } from "./fields.ts";

const HIDDEN_ACTS: Readonly<Record<string, Activation>> = {
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

/** A part's `hidden_act`. */
export function hiddenAct({ file, json }: Fields, fallback: string): Activation {
  const name = text(json.hidden_act ?? fallback);
  const act = Object.hasOwn(HIDDEN_ACTS, name) ? HIDDEN_ACTS[name] : undefined;
  if (act) return act;
  throw new CheckpointError(`${file}: hidden_act "${name}" is not one of ${Object.keys(HIDDEN_ACTS).join(", ")}`);
}
