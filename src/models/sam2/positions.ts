// Codes of places and of times that SAM 2 computes rather than learns, as constants.
import type { Graph, Value } from "../../graph/graph.ts";
import { floatArray } from "../exampleInputs.ts";
import type { FloatType } from "../family.ts";

const TEMPERATURE = 10000;
const EPS = 1e-6;

/** Rates of the sines and cosines of `count` channels: two neighbours have the same. */
function rates(count: number): number[] {
  return Array.from({ length: count }, (_, i) => TEMPERATURE ** ((-2 * Math.floor(i / 2)) / count));
}

/**
 * Sines and cosines of rows, then of columns, of a map of side * side places (DETR; transformers:
 * Sam2SinePositionEmbedding): [side * side, channels].
 */
export function sinePositions(graph: Graph, side: number, channels: number, dtype: FloatType): Value {
  const perAxis = rates(channels / 2);
  const axis = (i: number) => {
    const angle = ((i + 1) / (side + EPS)) * 2 * Math.PI;
    return perAxis.map((rate, c) => (c % 2 === 0 ? Math.sin(angle * rate) : Math.cos(angle * rate)));
  };
  const axes = Array.from({ length: side }, (_, i) => axis(i));
  const places = axes.flatMap((row) => axes.flatMap((column) => [...row, ...column]));
  return graph.constant({ dtype, shape: [side * side, channels] }, floatArray(Float32Array.from(places), dtype));
}

/** Sines, then cosines, of a time as a share of the longest one (transformers: get_1d_sine_pe): [channels]. */
export function timeCode(time: number, channels: number): number[] {
  const angles = rates(channels / 2).map((rate) => time * rate);
  return [...angles.map(Math.sin), ...angles.map(Math.cos)];
}

/**
 * Cosines and sines by which queries and keys are turned (axial rotary positions; Heo et al. 2024), in the order of
 * channels of ops.rope: the first half of a head's channels turn with the column, then with the row, the second half
 * alike. f32 [side * side, D].
 */
export function axialRotation(graph: Graph, side: number, D: number, theta: number) {
  const turns = Array.from({ length: D / 4 }, (_, i) => theta ** ((-4 * i) / D));
  const places = Array.from({ length: side * side }, (_, i) => {
    const half = [i % side, Math.floor(i / side)].flatMap((at) => turns.map((turn) => at * turn));
    return [...half, ...half];
  }).flat();
  const table = (of: (angle: number) => number) =>
    graph.constant({ dtype: "f32", shape: [side * side, D] }, Float32Array.from(places, of));
  return { cosine: table(Math.cos), sine: table(Math.sin) };
}
