// Weights as int8 (`dtype: "q8"`): what a matmul, a conv2d or a gather of the run reads as its weight becomes int8 with
// an f32 unit a channel, made at load like every static value; activations stay f32. Large tables of positions, which a
// matmul adds, become int8 rows that the run gathers. Whatever else reads the same tensor of the checkpoint has it as
// f32 beside that. Models do not know of it.
import { byteLength, rowsOf } from "../../device/tensor.ts";
import type { Conv2dParams } from "../../kernels/convolution.ts";
import * as kernels from "../../kernels/index.ts";
import type { Graph, Inputs, Value } from "../graph.ts";
import { isStatic, weightsOf } from "../statics.ts";
import { type Candidate, type Rule, rewrite } from "./rewrite.ts";

/**
 * The same computation from int8 weights, to within their rounding: an option of `plan`.
 *
 * @example
 * plan(graph, device, { rewrites: [quantise] }).summary().weightBytes; // a quarter of what it was
 */
export function quantise(graph: Graph): Graph {
  return rewrite(graph, [fromInt8]);
}

/** By the name of a kernel, which input is its weight, and the axis that numbers its channels. */
const WEIGHTS: Readonly<Record<string, readonly [input: string, axis: -1 | -2]>> = {
  matmul: ["b", -1],
  conv2d: ["weight", -1],
  gather: ["table", -2],
};

// A smaller table of positions is not worth a dispatch.
const LEAST_TABLE = 1 << 20;

const fromInt8: Rule = (op) => {
  const { kernel, inputs, params, graph } = op;
  // What is static as a whole is made once, and kept as f32.
  if (Object.values(inputs).every((input) => !input || isStatic(input))) return;
  const made = { ...int8Weight(op), ...int8Positions(op) };
  return Object.keys(made).length > 0 ? graph.add(kernel, { ...inputs, ...made }, params) : undefined;
};

function int8Weight({ kernel, inputs, params }: Candidate): Inputs {
  const [name, axis] = WEIGHTS[kernel.name] ?? [];
  const weight = name && inputs[name];
  if (!name || !axis || !weight || !isFloatWeight(weight)) return {};
  const { groups = 1, packed } = params as Conv2dParams;
  // A depthwise channel is of a few weights, for which a unit is no saving; conv2d reads int8 only where it is packed.
  if (kernel.name === "conv2d" && (groups > 1 || !packed)) return {};
  const { levels, scale } = toInt8(weight, axis);
  return { [name]: levels, [`${name}Scale`]: scale };
}

/** A residual that load makes: its rows, in order, from a table of int8. */
function int8Positions({ kernel, inputs: { residual }, graph }: Candidate): Inputs {
  if (kernel !== kernels.matmul || !residual || !isFloatWeight(residual) || byteLength(residual) < LEAST_TABLE)
    return {};
  const rows = rowsOf(residual);
  const ids = graph.constant(
    { dtype: "u32", shape: [rows] },
    Uint32Array.from({ length: rows }, (_, row) => row),
  );
  const { levels, scale } = toInt8(graph.reshape(residual, [rows, residual.shape.at(-1) as number]), -2);
  const table = graph.add(kernels.gather, { ids, table: levels, tableScale: scale }, {});
  return { residual: graph.reshape(table, residual.shape) };
}

function toInt8(x: Value, axis: -1 | -2) {
  const scale = x.graph.add(kernels.channelScale, { x }, { axis });
  return { scale, levels: x.graph.add(kernels.quantise, { x, scale }, { axis }) };
}

/** True for what load makes of the checkpoint's tensors. */
function isFloatWeight(value: Value): boolean {
  return value.dtype === "f32" && isStatic(value) && weightsOf(value).length > 0;
}
