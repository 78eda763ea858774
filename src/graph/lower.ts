// Rewrites that depend on the device: a matmul with too few rows and columns to fill a GPU is split along K.
import type { DeviceTraits } from "../kernels/kernel.ts";
import { type MatmulParams, matmul, matmulSplits } from "../kernels/matmul.ts";
import { splitSum } from "../kernels/splitSum.ts";
import type { Graph, Value } from "./graph.ts";
import { type Rule, rewrite } from "./rewrite.ts";

/** The same computation in the form that suits a device. */
export function lower(graph: Graph, device: DeviceTraits): Graph {
  return rewrite(graph, [splitMatmul(device)]);
}

/** Parts of K over more workgroups, then their sum with the epilogue. */
function splitMatmul(device: DeviceTraits): Rule {
  return ({ kernel, inputs, params, graph }) => {
    if (kernel !== matmul) return;
    const { a, b, ...epilogue } = inputs as Record<string, Value> & { a: Value; b: Value };
    const { n, activation } = params as MatmulParams;
    const splits = matmulSplits(a, b, n, device);
    if (splits < 2) return;
    const parts = graph.add(matmul, { a, b }, { n, splits });
    return graph.add(splitSum, { parts, ...epilogue }, activation ? { activation } : {});
  };
}
