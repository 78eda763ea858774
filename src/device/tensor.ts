// What a tensor is: an element type, a shape and the GPU buffer that holds the elements, row-major and without gaps.
// Also of which class a value of the host is, an array or what one is read from, whatever realm made it.
import { ShapeError } from "./errors.ts";

/**
 * Element types on the GPU. An RGBA picture is u32, one pixel an element, red in the lowest byte. Shaders read i8, four
 * elements of a quantised weight, as one u32.
 */
export type DType = "f32" | "f16" | "i32" | "u32" | "i8";

/** Length of each axis, the outermost first. */
export type Shape = readonly number[];

/** What is known of a tensor before it exists. */
export interface Spec {
  /** Type of the elements. */
  readonly dtype: DType;
  /** Length of each axis. */
  readonly shape: Shape;
}

/** A tensor on the GPU. */
export interface Tensor extends Spec {
  /** Holds the elements, row-major and without gaps. */
  readonly buffer: GPUBuffer;
}

/** A tensor on the host, as results come back: row-major elements and their shape. */
export interface NdArray<T extends HostArray = Float32Array> {
  /** Elements, the last axis fastest. */
  readonly data: T;
  /** Length of each axis. */
  readonly shape: Shape;
}

/** Elements on the host; half-precision numbers are bits in a Uint16Array. */
export type HostArray = Float32Array | Int32Array | Int8Array | Uint32Array | Uint16Array | Uint8Array;

export const BYTES: Readonly<Record<DType, number>> = { f32: 4, f16: 2, i32: 4, u32: 4, i8: 1 };

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Bytes of the elements alone. */
export function byteLength({ dtype, shape }: Spec): number {
  return sizeOf(shape) * BYTES[dtype];
}

/**
 * Bytes of the buffer: whole 16-byte words, so that a shader may read vec4s, and never empty, so that it can be bound.
 */
export function bufferBytes(spec: Spec): number {
  return Math.max(16, Math.ceil(byteLength(spec) / 16) * 16);
}

/** Length of the last axis; 1 for a scalar. */
export function lastDim(spec: Spec): number {
  return spec.shape.at(-1) ?? 1;
}

/** Number of rows when all axes but the last are counted as one. */
export function rowsOf(spec: Spec): number {
  return sizeOf(spec.shape.slice(0, -1));
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** `[2, 8]`, for messages. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Throws unless the shape is the expected one: `[layerNorm] gamma has shape [7], expected [8] (last axis of x)`. */
export function expectShape(op: string, name: string, got: Shape, expected: Shape, why = ""): void {
  if (sameShape(got, expected)) return;
  const reason = why && ` (${why})`;
  throw new ShapeError(`[${op}] ${name} has shape ${formatShape(got)}, expected ${formatShape(expected)}${reason}`);
}

/** Throws unless the tensor has this many axes. */
export function expectRank(op: string, name: string, got: Shape, rank: number): void {
  if (got.length === rank) return;
  throw new ShapeError(`[${op}] ${name} has shape ${formatShape(got)}, expected ${rank} axes`);
}

/** Classes of the runtime by their names. */
interface Classes {
  ArrayBuffer: ArrayBuffer;
  Uint8Array: Uint8Array;
  Uint8ClampedArray: Uint8ClampedArray;
  Blob: Blob;
  File: File;
  URL: URL;
  HTMLImageElement: HTMLImageElement;
  HTMLVideoElement: HTMLVideoElement;
  ImageBitmap: ImageBitmap;
  OffscreenCanvas: OffscreenCanvas;
  VideoFrame: VideoFrame;
}

/**
 * Whether a value is an instance of one of these classes, whatever realm made it. A frame of a page, jsdom, Jest and
 * Node's `vm` have classes of their own, and `instanceof` denies their instances.
 */
export function isA<Name extends keyof Classes>(value: unknown, ...names: Name[]): value is Classes[Name] {
  return names.includes(Object.prototype.toString.call(value).slice(8, -1) as Name);
}
