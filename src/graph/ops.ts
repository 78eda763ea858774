// The op set, on one page. Every op is a kernel under its own name: `layerNorm({ x, gamma, beta }, { eps })` records a
// node whose shader is shaders/layerNorm.wgsl. Views (reshape, firstRows) are methods of Graph, as they cost nothing.
import * as kernels from "../kernels/index.ts";
import type { Kernel } from "../kernels/kernel.ts";
import type { Inputs, Value } from "./graph.ts";

/** An op takes values by the kernel's input names, and the kernel's parameters. */
type Op<I extends string, O extends I, P extends object> = (
  inputs: Readonly<Record<Exclude<I, O>, Value> & Partial<Record<O, Value | undefined>>>,
  ...params: Partial<P> extends P ? [params?: P] : [params: P]
) => Value;

function op<I extends string, O extends I, P extends object>(kernel: Kernel<I, O, P>): Op<I, O, P> {
  return (inputs, ...[params]) => {
    const values = inputs as Inputs;
    const first = Object.values(values).find((value) => value !== undefined) as Value;
    return first.graph.add(kernel, values, params ?? {});
  };
}

export const argmax = op(kernels.argmax);
export const attention = op(kernels.attention);
export const batchNorm = op(kernels.batchNorm);
export const binary = op(kernels.binary);
export const cast = op(kernels.cast);
export const concat = op(kernels.concat);
export const conv2d = op(kernels.conv2d);
export const gather = op(kernels.gather);
export const interpolate = op(kernels.interpolate);
export const l2Normalise = op(kernels.l2Normalise);
export const layerNorm = op(kernels.layerNorm);
export const maskUpsample = op(kernels.maskUpsample);
export const matmul = op(kernels.matmul);
export const meanPool = op(kernels.meanPool);
export const narrow = op(kernels.narrow);
export const normalize = op(kernels.normalize);
export const permute = op(kernels.permute);
export const pixelShuffle = op(kernels.pixelShuffle);
export const pool2d = op(kernels.pool2d);
export const positionCode = op(kernels.positionCode);
export const prepend = op(kernels.prepend);
export const relativePositions = op(kernels.relativePositions);
export const resize = op(kernels.resize);
export const rope = op(kernels.rope);
export const similarity = op(kernels.similarity);
export const softmax = op(kernels.softmax);
export const transpose = op(kernels.transpose);
export const unary = op(kernels.unary);
export const unfold = op(kernels.unfold);
