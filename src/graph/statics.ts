// The part of a graph that no run changes: weights, constants and what is made of them alone (packed, joined or resized
// weights). It is computed once, on the GPU, when a model is loaded. Equal expressions have equal keys, so that plans
// for several input shapes share one copy.
import type { Device } from "../device/device.ts";
import { bufferBytes, byteLength, formatShape, type HostArray, type Spec, sizeOf } from "../device/tensor.ts";
import { Length } from "../kernels/length.ts";
import { sources, type Value } from "./graph.ts";

const known = new WeakMap<Value, boolean>();

/**
 * True when a value depends on nothing that a run is given. What is made of int8 is left to the run: made at load, it
 * would take the memory that int8 saves.
 */
export function isStatic(value: Value): boolean {
  let answer = known.get(value);
  if (answer === undefined) {
    answer = !isGivenByRuns(value) && sources(value).every(isStatic);
    known.set(value, answer);
  }
  return answer;
}

function isGivenByRuns(value: Value): boolean {
  const { node } = value;
  if (node.kind !== "op") return node.kind === "input" || node.kind === "state";
  const hasLength = Object.values(node.params).some((param) => param instanceof Length);
  return hasLength || sources(value).some(({ dtype }) => dtype === "i8");
}

/** Those of the values that are static. */
export function staticValues(values: readonly Value[]): Set<Value> {
  return new Set(values.filter(isStatic));
}

/**
 * The expression that makes a static value, as text: `transpose(visual_projection.weight [512, 768] f32, {"padTo":4})`.
 */
export function staticKey(value: Value): string {
  const { node, dtype, shape } = value;
  switch (node.kind) {
    case "weight":
      return `${node.name}${node.rows ? `[${node.rows[0]}:${node.rows[1]}]` : ""} ${formatShape(shape)} ${dtype}`;
    case "constant":
      return `${dtype} ${formatShape(shape)} ${hash(node.data)}`;
    case "view":
      return `view(${staticKey(node.of)}, ${formatShape(shape)})`;
    case "op": {
      const inputs = Object.values(node.inputs).map((input) => (input ? staticKey(input) : "-"));
      return `${node.kernel.name}(${inputs.join(", ")}, ${JSON.stringify(node.params)})`;
    }
    case "result":
      return `${staticKey(node.of)}.${node.index}`;
    case "input":
    case "state":
      throw new TypeError(`${node.kind} "${node.name}" is not static`);
  }
}

/** FNV-1a over the bytes, with the length, for constants of the same type and shape. */
function hash(data: HostArray): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let state = 0x811c9dc5;
  for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  return state.toString(16);
}

/** The checkpoint's tensors (or rows of them) below a static value. */
export function weightsOf(value: Value): Value[] {
  return value.node.kind === "weight" ? [value] : sources(value).flatMap(weightsOf);
}

/** Bytes of a static value's elements. */
export function staticBytes(value: Value): number {
  return sizeOf(value.shape) === 0 ? 0 : byteLength(value);
}

/** What to do about a weight that is too large. */
export function weightAdvice(device: Device, weight: Spec): string {
  const halfFits = weight.dtype === "f32" && device.hasF16 && bufferBytes(weight) / 2 <= device.mostBytes;
  return halfFits ? 'use dtype "f16", or a smaller model' : "use a smaller model";
}
