// Reference and cases of cast: every half and bfloat16 there is, and the edges of the others.
import { fromHalf, toHalf } from "../../device/half.ts";
import { random } from "../../device/random.ts";
import { type CastParams, cast, STORED, type StoredType } from "../../kernels/cast.ts";
import { defineSuite, type HostTensor, type KernelCase } from "../suite.ts";

/** Reads one stored element; 64-bit integers lose what float64 cannot hold, which f32 could not hold either. */
const READ: Readonly<Record<StoredType, (view: DataView, at: number) => number>> = {
  F64: (view, at) => view.getFloat64(at, true),
  F32: (view, at) => view.getFloat32(at, true),
  F16: (view, at) => fromHalf(view.getUint16(at, true)),
  BF16: (view, at) => fromBits(view.getUint16(at, true) << 16),
  I64: (view, at) => Number(view.getBigInt64(at, true)),
  I32: (view, at) => view.getInt32(at, true),
  I16: (view, at) => view.getInt16(at, true),
  I8: (view, at) => view.getInt8(at),
  U64: (view, at) => Number(view.getBigUint64(at, true)),
  U32: (view, at) => view.getUint32(at, true),
  U16: (view, at) => view.getUint16(at, true),
  U8: (view, at) => view.getUint8(at),
  BOOL: (view, at) => view.getUint8(at),
};

function readStored(words: Uint32Array, from: StoredType): Float64Array {
  const { bytes } = STORED[from];
  const view = new DataView(words.buffer);
  return Float64Array.from({ length: Math.floor(words.byteLength / bytes) }, (_, i) => READ[from](view, i * bytes));
}

const word = new DataView(new ArrayBuffer(4));

function fromBits(bits: number): number {
  word.setInt32(0, bits);
  return word.getFloat32(0);
}

function storedCase(from: StoredType, to: "f32" | "f16", bytes: Uint8Array, why?: string): KernelCase {
  const n = bytes.length / STORED[from].bytes;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  const data = new Uint32Array(padded.buffer);
  return {
    inputs: { x: { shape: [data.length], dtype: "u32", data } },
    params: { from, to, shape: [n] } satisfies CastParams,
    dtypes: ["f32"],
    ...(why && { why }),
  };
}

function randomBytes(length: number): Uint8Array {
  const next = random(7);
  return Uint8Array.from({ length }, () => Math.floor(next() * 256));
}

const bytesOf = (array: ArrayBufferView<ArrayBuffer>) => new Uint8Array(array.buffer);
const ALL_16_BITS = bytesOf(Uint16Array.from({ length: 65536 }, (_, i) => i));

/** Doubles around every rounding edge of f32 and f16: ties, subnormals, overflow. */
const EDGES = [
  0,
  -0,
  1,
  65504,
  65519.999,
  65520,
  2 ** -14,
  2 ** -24,
  2 ** -25,
  2 ** -26,
  3 * 2 ** -25,
  2 ** -126,
  2 ** -149,
]
  .concat([2 ** -150, 3 * 2 ** -150, 2 ** -151, 3.4e38, 3.5e38, 1e300, 1e-300, Number.NaN, Number.POSITIVE_INFINITY])
  .flatMap((v) => [
    v,
    -v,
    v * (1 + 2 ** -11),
    v * (1 + 2 ** -12),
    v * (1 + 2 ** -24),
    v * (1 + 3 * 2 ** -24),
    v * (1 + 2 ** -40),
  ]);

const BIG = [
  0n,
  1n,
  -1n,
  2n ** 24n + 1n,
  2n ** 24n + 3n,
  -(2n ** 31n),
  2n ** 32n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];

const TO = ["f32", "f16"] as const;

export const castSuite = defineSuite<CastParams>({
  kernel: cast,
  reference: ({ x }, { from, to }) => {
    const { data } = x as HostTensor;
    const values = from ? readStored(Uint32Array.from(data), from) : data;
    // Through f32, as PyTorch does from double to half.
    return Float32Array.from(values, (v) => (to === "f32" ? v : fromHalf(toHalf(v))));
  },
  cases: [
    ...TO.flatMap((to) => [
      storedCase("F16", to, ALL_16_BITS, "every half"),
      storedCase("BF16", to, ALL_16_BITS, "every bfloat16"),
      storedCase("F32", to, bytesOf(Float32Array.from(EDGES)), "edges"),
      storedCase("F64", to, bytesOf(Float64Array.from(EDGES)), "edges"),
      storedCase("I64", to, bytesOf(BigInt64Array.from(BIG))),
      storedCase("U64", to, bytesOf(BigUint64Array.from(BIG, (v) => BigInt.asUintN(64, v)))),
      storedCase("I32", to, bytesOf(Int32Array.from([0, 1, -1, 16777217, 16777219, -2147483648, 2147483647]))),
      storedCase("U32", to, bytesOf(Uint32Array.from([0, 1, 2 ** 24 + 1, 2 ** 32 - 1]))),
      storedCase("I16", to, bytesOf(Int16Array.from([0, -1, -32768, 32767]))),
      storedCase("I8", to, bytesOf(Int8Array.from([0, -1, -128, 127]))),
      storedCase("U16", to, bytesOf(Uint16Array.from([0, 1, 65535, 32768]))),
      storedCase("U8", to, bytesOf(Uint8Array.from([0, 1, 255, 128]))),
      storedCase("BOOL", to, bytesOf(Uint8Array.from([0, 1, 1, 0]))),
      storedCase("F32", to, randomBytes(4 * 65), "any bits"),
      storedCase("F64", to, randomBytes(8 * 1000), "any bits"),
      storedCase("F32", to, randomBytes(4), "one element"),
      storedCase("F16", to, new Uint8Array(0)),
    ]),
    { inputs: { x: [3, 5] }, params: { to: "f16" } satisfies CastParams, why: "a tensor's own type" },
    { inputs: { x: [3, 5] }, params: { to: "f32" } satisfies CastParams, why: "a tensor's own type" },
    { inputs: { x: [512, 512] }, params: { to: "f16" } satisfies CastParams, why: "large" },
  ],
  rejects: [
    {
      inputs: { x: { shape: [4], dtype: "u32" } },
      params: { from: "F16", to: "f32", shape: [3] },
      message: "x has shape [4] of u32, expected 2 words of 4 bytes ([3] stored as F16)",
    },
  ],
  tolerance: { f32: 0, f16: 0 },
});
