// A 3x3 convolution with stride 1 by Winograd's algorithm, F(2x2, 3x3) of Lavin and Gray 2015: 16 products for four
// places where the convolution itself takes 36. Tiles of x and the weights are transformed, the weights once at load;
// the sums over channels are a matmul for each of 16 elements; and what comes out is transformed back. What it saves in
// arithmetic it pays in memory, four times x and four times y, and 16 / 9 of the weights: on CPU adapters it is 1.4 to
// 2.2 times as fast at every shape of a ResNet (bench/results), on GPUs it pays where they have memory enough for their
// arithmetic and there are many channels and places (bench/results/winograd.md).
import { sizeOf } from "../../device/tensor.ts";
import { type Conv2dParams, windowsOf } from "../../kernels/convolution.ts";
import * as kernels from "../../kernels/index.ts";
import type { Graph, Value } from "../graph.ts";
import * as ops from "../ops.ts";
import { type Rule, rewrite } from "./rewrite.ts";

/**
 * The same computation with less arithmetic: one of the `rewrites` of `plan`.
 *
 * @param balance FLOP that the device does in the time of a byte from its memory: convolutions that are no quicker so
 * by the roofline stay as they are. 0 when absent, for arithmetic alone.
 * @example
 * plan(graph, device, { rewrites: [winograd] });
 */
export function winograd(graph: Graph, balance = 0): Graph {
  return rewrite(graph, [byWinograd(balance)]);
}

// With fewer channels the transforms outweigh the sums over them. The bound is not measured.
const LEAST_CHANNELS = 16;
/** Of the convolution's: two more dispatches have their price, and a roofline is not reached. */
const MOST_TIME = 0.8;

const byWinograd =
  (balance: number): Rule =>
  ({ kernel, inputs, params, graph }) => {
    const { x, weight, bias, scale, residual } = inputs;
    if (kernel.name !== "conv2d" || !x || !weight) return;
    const { packed, padding = 0, activation, outputActivation, groups = 1 } = params as Conv2dParams;
    const [O = 0, C = 0] = packed ?? [];
    // Sums of tiles in f16 would lose digits that the convolution itself keeps.
    const isPlain = x.dtype === "f32" && weight.dtype === "f32" && groups === 1;
    if (!isPlain || C < LEAST_CHANNELS || C % 4 || O % 4) return;
    const { kernel: sides, stride, dilation, places } = windowsOf({ x, weight }, params as Conv2dParams);
    if (sides.some((n) => n !== 3) || [...stride, ...dilation].some((n) => n !== 1)) return;
    const [B = 0] = x.shape;
    if (balance && !isQuicker(sizeOf(x.shape), sizeOf([B, ...places, O]), C, O, balance)) return;
    const a = graph.add(kernels.winogradInput, { x }, { padding }); // [16, tiles, C]
    const m = ops.matmul({ a, b: transformed(weight) }, { n: O }); // [16, tiles, O]
    const epilogue = { ...(activation && { activation }), ...(outputActivation && { outputActivation }) };
    return graph.add(kernels.winogradOutput, { m, bias, scale, residual }, { places: [B, ...places], ...epilogue });
  };

/** Whether the three steps take less time than the one, each by its arithmetic or by the numbers that it moves. */
function isQuicker(x: number, y: number, C: number, O: number, balance: number): boolean {
  const time = (flops: number, numbers: number) => Math.max(flops / balance, numbers * 4);
  const tiles = ((4 * y) / O) * C + 4 * y; // of x and of y
  const three = time(8 * y * C, tiles + 16 * C * O) + time(0, x + tiles + y);
  return three < MOST_TIME * time(18 * y * C, x + 9 * C * O + y);
}

/** G of F(2x2, 3x3). */
const G = [
  [1, 0, 0],
  [1 / 2, 1 / 2, 1 / 2],
  [1 / 2, -1 / 2, 1 / 2],
  [0, 0, 1],
] as const;

/** Packed weights [9 * C, columns] as G g Gᵀ [16, C, columns]: a product, computed once at load. */
function transformed(weight: Value): Value {
  const { graph } = weight;
  const [rows = 0, columns = 0] = weight.shape;
  const factors = G.flatMap((row) => G.flatMap((col) => row.flatMap((u) => col.map((v) => u * v))));
  const a = graph.constant({ dtype: "f32", shape: [16, 9] }, Float32Array.from(factors));
  const b = graph.reshape(weight, [9, (rows / 9) * columns]);
  return graph.reshape(ops.matmul({ a, b }), [16, rows / 9, columns]);
}
