// Rewrites that save a pass over memory: activations, layer scale and residual go into the product before them (matmul,
// conv2d), a convolution of single pixels becomes a matmul, and the products of q, k and v become one that attention
// reads by stride.
import { lastDim, sameShape, sizeOf } from "../../device/tensor.ts";
import type { Activation } from "../../kernels/activation.ts";
import { type Conv2dParams, isPackable, isPointwise } from "../../kernels/convolution.ts";
import type { EpilogueParams } from "../../kernels/epilogue.ts";
import * as kernels from "../../kernels/index.ts";
import type { Graph, NodeOf, Value } from "../graph.ts";
import { type Candidate, type Rule, rewrite } from "./rewrite.ts";

/** The same computation with fewer dispatches. */
export function fuse(graph: Graph): Graph {
  return rewrite(graph, [
    activationIntoProduct,
    activationIntoNorm,
    scaleIntoProduct,
    residualIntoProduct,
    oneMatmulForQkv,
    convolutionAsMatmul,
    packedConvolution,
  ]);
}

/** An operation whose kernel is a product: all take the same in their epilogues, under the same names. */
type Product = NodeOf<"op"> & { readonly params: EpilogueParams };

/** The product that makes a value, when nothing else reads it and it still is without what `taken` names. */
function productOf(
  value: Value | undefined,
  op: Candidate,
  ...taken: ("activation" | "scale" | "residual" | "outputActivation")[]
) {
  if (value?.node.kind !== "op" || !value.node.kernel.product || op.users(value) !== 1) return;
  const node = value.node as Product;
  const { scale, residual } = node.inputs;
  const { activation = "none", outputActivation = "none" } = node.params;
  const isTaken = {
    activation: activation !== "none",
    scale: !!scale,
    residual: !!residual,
    outputActivation: outputActivation !== "none",
  };
  return taken.some((name) => isTaken[name]) ? undefined : node;
}

function matmulOf(value: Value | undefined, op: Candidate, ...taken: Parameters<typeof productOf>[2][]) {
  const node = productOf(value, op, "outputActivation", ...taken);
  return node?.kernel === kernels.matmul ? node : undefined;
}

/** gelu(matmul(…)), or relu(x + conv2d(…)) */
const activationIntoProduct: Rule = (op) => {
  if (op.kernel !== kernels.unary) return;
  const node = productOf(op.inputs.x, op, "outputActivation");
  if (!node) return;
  const { kind } = op.params as { kind: Activation };
  const { activation = "none" } = node.params;
  const isFirst = activation === "none" && !node.inputs.scale && !node.inputs.residual;
  return op.graph.add(node.kernel, node.inputs, {
    ...node.params,
    [isFirst ? "activation" : "outputActivation"]: kind,
  });
};

/** gelu(layerNorm(…)) */
const activationIntoNorm: Rule = (op) => {
  const { x } = op.inputs;
  if (op.kernel !== kernels.unary || x?.node.kind !== "op" || x.node.kernel !== kernels.layerNorm) return;
  const params = x.node.params as kernels.LayerNormParams;
  if (op.users(x) !== 1 || params.activation) return;
  const { kind: activation } = op.params as { kind: Activation };
  return op.graph.add(kernels.layerNorm, x.node.inputs, { ...params, activation });
};

/** matmul(…) * scale, one factor for each channel: LayerScale of DINOv2 */
const scaleIntoProduct: Rule = (op) => {
  const { a, b } = op.inputs;
  if (!isBinary(op, "mul") || !a || !b) return;
  const node = productOf(a, op, "scale", "residual", "outputActivation");
  if (!node || !sameShape(b.shape, [lastDim(a)])) return;
  return op.graph.add(node.kernel, { ...node.inputs, scale: b }, node.params);
};

/** x + matmul(…), x + conv2d(…) */
const residualIntoProduct: Rule = (op) => {
  const { a, b } = op.inputs;
  if (!isBinary(op, "add") || !a || !b) return;
  return residualInto(b, a, op) ?? residualInto(a, b, op);
};

/** The other operand has the product's shape, or repeats down its rows (positions). */
function residualInto(product: Value, residual: Value, op: Candidate): Value | undefined {
  const node = productOf(product, op, "residual", "outputActivation");
  const repeats = sameShape(product.shape.slice(-residual.shape.length), residual.shape) && residual.shape.length > 1;
  return node && repeats ? op.graph.add(node.kernel, { ...node.inputs, residual }, node.params) : undefined;
}

function isBinary(op: Candidate, kind: string): boolean {
  const { op: name, activation = "none" } = op.params as { op?: string; activation?: Activation };
  return op.kernel === kernels.binary && name === kind && activation === "none";
}

/** A 1x1 convolution: every pixel times one matrix. */
const convolutionAsMatmul: Rule = ({ kernel, inputs, params, graph }) => {
  const { weight, x: a, bias, scale, residual } = inputs;
  if (kernel !== kernels.conv2d || !a || !weight || !isPointwise(weight, params)) return;
  const [O = 0, C = 0] = weight.shape;
  const b = graph.add(kernels.transpose, { x: graph.reshape(weight, [O, C]) }, { padTo: 4 });
  const { activation, outputActivation } = params as Conv2dParams;
  const epilogue = { ...(activation && { activation }), ...(outputActivation && { outputActivation }) };
  return graph.add(kernels.matmul, { a, b, bias, scale, residual }, { n: O, ...epilogue });
};

/** Weights of a convolution in the order in which conv2d's tiles read them; those of groups stay as they are. */
const packedConvolution: Rule = ({ kernel, inputs, params, graph }) => {
  const { weight } = inputs;
  if (kernel !== kernels.conv2d || !weight || !isPackable(weight, params)) return;
  const [O = 0] = weight.shape;
  const rows = graph.add(kernels.permute, { x: weight }, { dims: [0, 2, 3, 1] }); // [O, KH, KW, C]
  const columns = graph.reshape(rows, [O, sizeOf(weight.shape) / O]);
  const packed = graph.add(kernels.transpose, { x: columns }, { padTo: 4 });
  return graph.add(kernel, { ...inputs, weight: packed }, { ...params, packed: weight.shape });
};

/**
 * attention(x·Wq, x·Wk, x·Wv): one product x·[Wq | Wk | Wv], whose columns attention reads by stride; or of q and k
 * alone where v comes from another value.
 */
const oneMatmulForQkv: Rule = (op) => {
  const { q, k, v, ...rest } = op.inputs;
  if (op.kernel !== kernels.attention || !q || !k || !v) return;
  const [first, ...others] = [q, k, v].map((value) => linearOf(value, op));
  if (!first || others[0]?.a !== first.a) return;
  const isAll = others[1]?.a === first.a;
  const all = [first, ...others].slice(0, isAll ? 3 : 2).filter((product) => product !== undefined);
  const { graph } = op;
  const joined = (name: "weight" | "bias") =>
    all.map((product) => product[name]).reduce((x, y) => graph.add(kernels.concat, { a: x, b: y }, { axis: 0 }));
  const weight = joined("weight");
  const b = graph.add(kernels.transpose, { x: weight }, { padTo: 4 });
  const product = graph.add(kernels.matmul, { a: first.a, b, bias: joined("bias") }, { n: weight.shape[0] });
  const channels = lastDim(q);
  const params = { ...op.params, channels, kOffset: channels, ...(isAll && { vOffset: 2 * channels }) };
  const inputs = { q: product, k: product, v: isAll ? product : v, ...rest };
  return graph.add(kernels.attention, inputs, params);
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
