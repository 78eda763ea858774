// Rewrites that depend on the device: a product with too few rows and columns to fill a GPU is split along K.
import type { DeviceTraits } from "../../kernels/launch.ts";
import { type SplitSumParams, splitSum } from "../../kernels/splitSum.ts";
import type { Graph } from "../graph.ts";
import { type Rule, rewrite } from "./rewrite.ts";

/** The same computation in the form that suits a device. */
export function lower(graph: Graph, device: DeviceTraits): Graph {
  return rewrite(graph, [splitProduct(device)]);
}

/** Parts of K over more workgroups, then their sum with the epilogue. */
function splitProduct(device: DeviceTraits): Rule {
  return ({ kernel, inputs, params, graph }) => {
    const { product } = kernel;
    const splits = product?.splits(inputs, params, device) ?? 1;
    if (!product || splits < 2) return;
    const { bias, scale, residual, ...operands } = inputs;
    const { activation, outputActivation, ...rest } = params as SplitSumParams;
    const parts = graph.add(kernel, operands, { ...rest, splits });
    const epilogue = { ...(activation && { activation }), ...(outputActivation && { outputActivation }) };
    return graph.add(splitSum, { parts, bias, scale, residual }, epilogue);
  };
}
