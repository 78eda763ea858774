// Arithmetic of axes for kernels that move or broadcast elements: which axis is meant, what two shapes broadcast to,
// and the fewest axes that describe a walk over strides. Also the launches that such kernels and those of rows share.
import flatSource from "../../shaders/lib/flat.wgsl";
import invocationSource from "../../shaders/lib/invocation.wgsl";
import lanesSource from "../../shaders/lib/lanes.wgsl";
import { ShapeError } from "../device/errors.ts";
import { formatShape, type Shape, type Spec, sizeOf } from "../device/tensor.ts";
import { foldWorkgroups } from "./kernel.ts";
import type { LazySource } from "./launch.ts";
import { defineVariants, type Variants, variantsOf } from "./variants.ts";

/** WG of shaders/lib/invocation.wgsl. */
const THREADS = 64;

/** The sources of a kernel that computes each element, or word, in a thread of its own, by `compute(index)`. */
export const flat = [invocationSource, flatSource] as const;

/** Words of four elements; the last may reach into the 16-byte padding that every buffer has. */
export function wordsOf(spec: Spec): number {
  return Math.ceil(sizeOf(spec.shape) / 4);
}

/** Workgroups for so many threads, which number themselves by flatIndex of shaders/lib/invocation.wgsl. */
export function flatWorkgroups(threads: number): [number, number] {
  return foldWorkgroups(Math.ceil(threads / THREADS));
}

/** Throws unless the tensor is a picture's RGBA bytes, or those of a batch of pictures. */
export function expectPicture(op: string, { dtype, shape }: Spec): void {
  if (dtype === "u32" && (shape.length === 2 || shape.length === 3)) return;
  throw new ShapeError(
    `[${op}] image is ${dtype} ${formatShape(shape)}, expected u32 [H, W] or [B, H, W] (RGBA bytes)`,
  );
}

/** Throws unless the tensor holds floating-point numbers. */
export function expectFloat(op: string, name: string, { dtype }: Spec): void {
  if (dtype === "f32" || dtype === "f16") return;
  throw new ShapeError(`[${op}] ${name} has dtype ${dtype}, expected f32 or f16`);
}

/** Throws unless both tensors have one element type. */
export function expectSameDType(op: string, name: string, got: Spec, other: string, expected: Spec): void {
  if (got.dtype === expected.dtype) return;
  throw new ShapeError(`[${op}] ${name} has dtype ${got.dtype}, expected ${expected.dtype} (dtype of ${other})`);
}

/** The axis from 0; negative ones count from the end, as in PyTorch. */
export function axisOf(op: string, axis: number, shape: Shape): number {
  const fromZero = axis < 0 ? axis + shape.length : axis;
  if (Number.isInteger(axis) && fromZero >= 0 && fromZero < shape.length) return fromZero;
  throw new ShapeError(`[${op}] axis ${axis} is not an axis of ${formatShape(shape)}`);
}

/** Elements between neighbours along each axis of a row-major tensor. */
export function stridesOf(shape: Shape): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** What two shapes broadcast to by NumPy's rule: aligned at the end, and a length of 1 repeats. */
export function broadcastShape(op: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const m = a[axis - rank + a.length] ?? 1;
    const n = b[axis - rank + b.length] ?? 1;
    if (m === n || n === 1) return m;
    if (m === 1) return n;
    throw new ShapeError(
      `[${op}] a ${formatShape(a)} and b ${formatShape(b)} do not broadcast: ${m} and ${n} at axis ${axis}`,
    );
  });
}

/** Strides of a tensor when it is read as the broadcast shape: 0 along the axes that repeat. */
export function broadcastStrides(shape: Shape, broadcast: Shape): number[] {
  const strides = stridesOf(shape);
  const lead = broadcast.length - shape.length;
  return broadcast.map((_, axis) => (axis < lead || shape[axis - lead] === 1 ? 0 : (strides[axis - lead] as number)));
}

/** A walk over a shape in row-major order, and the steps that some inputs take along each of its axes. */
export interface Walk {
  readonly sizes: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/** The same walk with the fewest axes: those of length 1 go, neighbours merge where every input runs on across them. */
export function mergeAxes(sizes: readonly number[], strides: readonly (readonly number[])[]): Walk {
  const merged: { size: number; strides: number[] }[] = [];
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const size = sizes[axis] as number;
    if (size === 1) continue;
    const steps = strides.map((of) => of[axis] as number);
    const inner = merged[0];
    if (inner?.strides.every((stride, i) => steps[i] === stride * inner.size)) inner.size *= size;
    else merged.unshift({ size, strides: steps });
  }
  return {
    sizes: merged.map(({ size }) => size),
    strides: strides.map((_, i) => merged.map((axis) => axis.strides[i] as number)),
  };
}

/** The walk with exactly `rank` axes, the outer ones of length 1; throws when it has more. */
export function padAxes(op: string, { sizes, strides }: Walk, rank: number): Walk {
  const missing = rank - sizes.length;
  if (missing < 0)
    throw new ShapeError(`[${op}] needs ${sizes.length} axes that cannot be merged, at most ${rank} are supported`);
  const fill = (value: number) => Array<number>(missing).fill(value);
  return { sizes: [...fill(1), ...sizes], strides: strides.map((of) => [...fill(0), ...of]) };
}

interface Rows {
  readonly rows: number;
  readonly columns: number;
  /** The loop of a thread or a workgroup a row, where it is not in the kernel's own shader. */
  readonly rowLoop?: LazySource | undefined;
  /** Where the kernel has an entry point for the 8 threads of a subgroup to load for each other. */
  readonly rowPerLane?: LazySource | undefined;
  /** Where it has one that reads vec4s, and keeps a row in registers. */
  readonly rowVectors?: LazySource | undefined;
}

/** Threads of a workgroup that shares a row out. */
const ROW_THREADS = 64;
/** vec4s of a row that a thread keeps, at most: 32 registers. */
const MOST_VECTORS = 8;

const ROWS = /* @__PURE__ */ defineVariants<Rows>()({
  variants: {
    rowPerThread: {
      launch: ({ rows, rowLoop }) => ({
        lib: rowLoop && [rowLoop],
        overrides: { WG: 8, ROW_PER_GROUP: 0 },
        workgroups: foldWorkgroups(Math.ceil(rows / 8)),
      }),
    },
    rowPerGroup: {
      launch: ({ rows, rowLoop }) => ({
        lib: rowLoop && [rowLoop],
        overrides: { WG: ROW_THREADS, ROW_PER_GROUP: 1 },
        workgroups: foldWorkgroups(rows),
      }),
    },
    rowVectors: {
      fits: ({ columns, rowVectors }) =>
        !!rowVectors && columns > 0 && columns % 4 === 0 && columns <= 4 * ROW_THREADS * MOST_VECTORS,
      launch: ({ rows, columns, rowVectors = "" }) => {
        const threads = Math.min(ROW_THREADS, 2 ** Math.ceil(Math.log2(columns / 4)));
        return {
          entryPoint: "rowVectors",
          overrides: { WG: ROW_THREADS },
          types: { RowWord: "vec4<Elem>", T: `${threads}u`, PER: `${Math.ceil(columns / 4 / threads)}u` },
          workgroups: foldWorkgroups(Math.ceil(rows / (ROW_THREADS / threads))),
          lib: [rowVectors],
        };
      },
    },
    rowPerLane: {
      fits: ({ rowPerLane }, { subgroupSize }) => !!rowPerLane && subgroupSize === 8,
      launch: ({ rows, rowPerLane = "" }) => ({
        entryPoint: "rowPerLane",
        overrides: { WG: 8 },
        workgroups: foldWorkgroups(Math.ceil(rows / 8)),
        lib: [lanesSource, rowPerLane],
      }),
    },
  },
  // Barriers are dear on CPUs, where each load counts (lavapipe has subgroups of 8, SwiftShader of 4), and on GPUs the
  // threads of a row read neighbours.
  best: { cpu: ["rowPerLane", "rowPerThread"], gpu: ["rowVectors", "rowPerGroup", "rowPerThread"] },
});

/** Variants of kernels that work row by row. */
export function rowVariants(rows: Rows): Variants {
  return variantsOf(ROWS, rows);
}
