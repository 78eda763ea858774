// Rewrites that depend on the device: a product with too few rows and columns to fill a GPU is split along K.
import { type Conv2dParams, conv2dSplits } from "../../kernels/convolution.ts";
import type { AnyKernel } from "../../kernels/kernel.ts";
import type { DeviceTraits } from "../../kernels/launch.ts";
import { type MatmulParams, matmul, matmulSplits } from "../../kernels/matmul.ts";
import { type SplitSumParams, splitSum } from "../../kernels/splitSum.ts";
import type { Graph, Inputs, Value } from "../graph.ts";
import { type Rule, rewrite } from "./rewrite.ts";

/** The same computation in the form that suits a device. */
export function lower(graph: Graph, device: DeviceTraits): Graph {
  return rewrite(graph, [splitMatmul(device), splitConvolution(device)]);
}

function splitMatmul(device: DeviceTraits): Rule {
  return ({ kernel, inputs, params, graph }) => {
    if (kernel !== matmul) return;
    const { a, b, bScale, ...rest } = inputs as Record<string, Value> & { a: Value; b: Value };
    const { n } = params as MatmulParams;
    const factors = { a, b, ...(bScale && { bScale }) };
    return splitProduct(graph, matmul, factors, rest, params, matmulSplits(a, b, n, device));
  };
}

function splitConvolution(device: DeviceTraits): Rule {
  return ({ kernel, inputs, params, graph }) => {
    if (kernel.name !== "conv2d") return; // by name, as in fuse.ts
    const { x, weight, weightScale, ...rest } = inputs as Record<string, Value> & { x: Value; weight: Value };
    const splits = conv2dSplits(x, weight, params as Conv2dParams, device);
    return splitProduct(graph, kernel, { x, weight, ...(weightScale && { weightScale }) }, rest, params, splits);
  };
}

/** Parts of K over more workgroups, then their sum with the epilogue. */
function splitProduct(
  graph: Graph,
  kernel: AnyKernel,
  factors: Inputs,
  rest: Inputs,
  { activation, outputActivation, ...params }: SplitSumParams,
  splits: number,
): Value | undefined {
  if (splits < 2) return;
  const parts = graph.add(kernel, factors, { ...params, splits });
  const epilogue = { ...(activation && { activation }), ...(outputActivation && { outputActivation }) };
  return graph.add(splitSum, { parts, ...rest }, epilogue);
}
