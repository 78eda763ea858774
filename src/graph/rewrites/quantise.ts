// Weights as int8 (`dtype: "q8"`): what a matmul, a conv2d or a gather of the run reads as its weight becomes int8 with
// an f32 scale for each channel, made at load like every static value; activations stay f32. Large tables of positions,
// which a matmul adds, become int8 rows that the run gathers. Whatever else reads the same tensor of the checkpoint has
// it as f32 beside that. Models do not know of it.
import { byteLength, rowsOf } from "../../device/tensor.ts";
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

// A smaller table of positions is not worth a dispatch. The bound is not measured.
const LEAST_TABLE = 1 << 20;

const fromInt8: Rule = (op) => {
  const { kernel, inputs, params, graph } = op;
  // What is static as a whole is made once, and kept as f32.
  if (Object.values(inputs).every((input) => !input || isStatic(input))) return;
  const replaced = { ...int8Weight(op), ...int8Positions(op) };
  return Object.keys(replaced).length > 0 ? graph.add(kernel, { ...inputs, ...replaced }, params) : undefined;
};

/** The operation's weight as int8, and its scale. */
function int8Weight({ kernel, inputs, params }: Candidate): Inputs {
  const isTable = kernel === kernels.gather;
  if (!isTable && !kernel.product?.takesInt8(params)) return {};
  const name = isTable ? "table" : (kernel.product?.right as string);
  const weight = inputs[name];
  if (!weight || !isFloatWeight(weight)) return {};
  const { levels, scale } = toInt8(weight, isTable ? -2 : -1);
  return { [name]: levels, [`${name}Scale`]: scale };
}

/** A residual that load makes: its rows, in order, from a table of int8. */
function int8Positions({ kernel, inputs: { residual }, graph }: Candidate): Inputs {
  if (!kernel.product || !residual || !isFloatWeight(residual) || byteLength(residual) < LEAST_TABLE) return {};
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
