// Rewrites that save a pass over memory: activation, layer scale and residual go into the matmul before them, and
// the products of q, k and v become one that attention reads by stride.
import { lastDim, sameShape } from "../device/tensor.ts";
import type { Activation } from "../kernels/activation.ts";
import * as kernels from "../kernels/index.ts";
import type { Graph, NodeOf, Value } from "./graph.ts";
import { type Candidate, type Rule, rewrite } from "./rewrite.ts";

/** The same computation with fewer dispatches. */
export function fuse(graph: Graph): Graph {
  return rewrite(graph, [activationIntoMatmul, scaleIntoMatmul, residualIntoMatmul, oneMatmulForQkv]);
}

type Matmul = NodeOf<"op"> & { readonly params: kernels.MatmulParams };

/** The matmul that makes a value, when nothing else reads it and it still is without what `taken` names. */
function matmulOf(value: Value | undefined, op: Candidate, ...taken: ("activation" | "scale" | "residual")[]) {
  if (value?.node.kind !== "op" || value.node.kernel !== kernels.matmul || op.users(value) !== 1) return;
  const node = value.node as Matmul;
  const { scale, residual } = node.inputs;
  const isTaken = { activation: (node.params.activation ?? "none") !== "none", scale: !!scale, residual: !!residual };
  return taken.some((name) => isTaken[name]) ? undefined : node;
}

/** gelu(matmul(…)) */
const activationIntoMatmul: Rule = (op) => {
  if (op.kernel !== kernels.unary) return;
  const node = matmulOf(op.inputs.x, op, "activation", "scale", "residual");
  const { kind } = op.params as { kind: Activation };
  return node && op.graph.add(kernels.matmul, node.inputs, { ...node.params, activation: kind });
};

/** matmul(…) * scale, one factor a channel: LayerScale of DINOv2 */
const scaleIntoMatmul: Rule = (op) => {
  const { a, b } = op.inputs;
  if (!isBinary(op, "mul") || !a || !b) return;
  const node = matmulOf(a, op, "scale", "residual");
  if (!node || !sameShape(b.shape, [lastDim(a)])) return;
  return op.graph.add(kernels.matmul, { ...node.inputs, scale: b }, node.params);
};

/** x + matmul(…) */
const residualIntoMatmul: Rule = (op) => {
  const { a, b } = op.inputs;
  if (!isBinary(op, "add") || !a || !b) return;
  return residualInto(b, a, op) ?? residualInto(a, b, op);
};

/** The other operand has the product's shape, or repeats down its rows (positions). */
function residualInto(product: Value, residual: Value, op: Candidate): Value | undefined {
  const node = matmulOf(product, op, "residual");
  const repeats = sameShape(product.shape.slice(-residual.shape.length), residual.shape) && residual.shape.length > 1;
  return node && repeats ? op.graph.add(kernels.matmul, { ...node.inputs, residual }, node.params) : undefined;
}

function isBinary(op: Candidate, wanted: string): boolean {
  const { op: name, activation = "none" } = op.params as { op?: string; activation?: Activation };
  return op.kernel === kernels.binary && name === wanted && activation === "none";
}

/** attention(x·Wq, x·Wk, x·Wv): one product x·[Wq | Wk | Wv], whose columns attention reads by stride. */
const oneMatmulForQkv: Rule = (op) => {
  const { q, k, v } = op.inputs;
  if (op.kernel !== kernels.attention || !q || !k || !v) return;
  const products = [q, k, v].map((value) => linearOf(value, op));
  const [first] = products;
  if (!first || products.some((product) => product?.a !== first.a)) return;
  const all = products.filter((product) => product !== undefined);
  const { graph } = op;
  const weight = all
    .map((product) => product.weight)
    .reduce((x, y) => graph.add(kernels.concat, { a: x, b: y }, { axis: 0 }));
  const bias = all
    .map((product) => product.bias)
    .reduce((x, y) => graph.add(kernels.concat, { a: x, b: y }, { axis: 0 }));
  const b = graph.add(kernels.transpose, { x: weight }, { padTo: 4 });
  const qkv = graph.add(kernels.matmul, { a: first.a, b, bias }, { n: weight.shape[0] });
  const channels = lastDim(q);
  const params = { ...op.params, channels, kOffset: channels, vOffset: 2 * channels };
  return graph.add(kernels.attention, { q: qkv, k: qkv, v: qkv }, params);
};

/** The parts of a matmul with a whole weight and no epilogue but bias; a missing bias is zeros. */
function linearOf(value: Value, op: Candidate) {
  const node = matmulOf(value, op, "activation", "scale", "residual");
  const { a, b, bias } = node?.inputs ?? {};
  if (!a || !b || b.node.kind !== "op" || b.node.kernel !== kernels.transpose) return;
  const weight = b.node.inputs.x as Value;
  if (weight.shape.length !== 2) return;
  return { a, weight, bias: bias ?? zeros(op.graph, value) };
}

function zeros(graph: Graph, { dtype, shape }: Value): Value {
  const columns = shape.at(-1) as number;
  const data = dtype === "f16" ? new Uint16Array(columns) : new Float32Array(columns);
  return graph.constant({ dtype, shape: [columns] }, data);
}
