// Products, and decisions that are made on the GPU by arithmetic, so that nothing is read back for them.
import type { Graph, Value } from "../../graph/graph.ts";
import * as ops from "../../graph/ops.ts";
import { floatArray } from "../exampleInputs.ts";
import type { FloatType } from "../family.ts";
import { add } from "../layers.ts";

/** A number, as a tensor [1]. */
export function scalar(graph: Graph, value: number, dtype: FloatType): Value {
  return graph.constant({ dtype, shape: [1] }, floatArray(Float32Array.of(value), dtype));
}

/** a * b with broadcasting. */
export function times(a: Value, b: Value): Value {
  return ops.binary({ a, b }, { op: "mul" });
}

/** Beyond it a sigmoid is 0 or 1, whatever a logit is multiplied with. */
const STEEP = { f32: 1e8, f16: 6e4 } as const;

/** 1 where a logit is above 0, 0 where it is below: as sigmoid of a huge multiple. */
export function isAbove0(logits: Value, dtype: FloatType): Value {
  return ops.unary({ x: times(logits, scalar(logits.graph, STEEP[dtype], dtype)) }, { kind: "sigmoid" });
}

/** `yes` where a flag is 1, `no` where it is 0; all broadcast to `yes`. */
export function choose(flag: Value, yes: Value, no: Value, dtype: FloatType): Value {
  const absent = ops.binary({ a: scalar(flag.graph, 1, dtype), b: flag }, { op: "sub" });
  return add(times(yes, flag), times(no, absent));
}
