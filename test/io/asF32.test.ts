// Stored floats as f32: every 8-bit float as PyTorch reads it (scripts/goldenLayouts.py), and 64-bit ones.
import { expect, it } from "vitest";
import { asF32, readFloats } from "../../src/io/safetensors/asF32.ts";
import type { StoredTensor } from "../../src/io/safetensors/checkpoint.ts";
import type { StoredDType } from "../../src/io/safetensors/dtypes.ts";
import { floats } from "../models/layoutCases.ts";

/** A tensor of one axis whose bytes come in chunks of this length. */
function stored(dtype: StoredDType, bytes: Uint8Array<ArrayBuffer>, count: number, chunk = bytes.length): StoredTensor {
  async function* stream() {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  return { name: "w", dtype, shape: [count], byteLength: bytes.length, stream, read: async () => bytes };
}

it.each(["F8_E4M3", "F8_E5M2"] as const)("%s: all 256", async (dtype) => {
  const codes = Uint8Array.from({ length: 256 }, (_, code) => code);
  const expected = floats[dtype].map((value) => {
    if (value === null) return Number.NaN;
    return typeof value === "number" ? value : Number.POSITIVE_INFINITY * (value === "inf" ? 1 : -1);
  });
  expect([...(await readFloats(stored(dtype, codes, 256)))]).toEqual(expected);
});

it.each([
  // torch.tensor(codes, dtype=torch.uint8).view(torch.float8_e4m3fnuz).float(), and of float8_e5m2fnuz
  ["F8_E4M3FNUZ", [0, 2 ** -10, 240, Number.NaN, 0.75, -240, 2 ** -7, 1]],
  ["F8_E5M2FNUZ", [0, 2 ** -17, 57344, Number.NaN, 0.5, -57344, 2 ** -14, 1]],
] as const)("%s: zero, the smallest, the largest, NaN in place of -0", async (dtype, expected) => {
  const codes = Uint8Array.of(0, 1, 0x7f, 0x80, 0x3c, 0xff, 8, 0x40);
  expect([...(await readFloats(stored(dtype, codes, 8)))]).toEqual(expected);
});

it("F64, of chunks that end within an element", async () => {
  const values = [0, -1.5, 1 / 3, 1e300, Number.MIN_VALUE, Number.NaN];
  const bytes = new Uint8Array(Float64Array.from(values).buffer);
  const tensor = asF32(stored("F64", bytes, values.length, 11));
  expect([tensor.dtype, tensor.byteLength]).toEqual(["F32", 24]);
  expect(new Float32Array((await tensor.read()).buffer)).toEqual(Float32Array.from(values));
});

it("F16, BF16 and F32", async () => {
  const half = new Uint8Array(Uint16Array.of(0x3c00, 0xc100, 0x7c00, 1).buffer);
  expect([...(await readFloats(stored("F16", half, 4)))]).toEqual([1, -2.5, Number.POSITIVE_INFINITY, 2 ** -24]);
  const brain = new Uint8Array(Uint16Array.of(0x3f80, 0xc020, 0x7f80).buffer);
  expect([...(await readFloats(stored("BF16", brain, 3, 3)))]).toEqual([1, -2.5, Number.POSITIVE_INFINITY]);
  const single = new Uint8Array(Float32Array.of(0.1, -2).buffer);
  expect([...(await readFloats(stored("F32", single, 2)))]).toEqual([...Float32Array.of(0.1, -2)]);
});

it("refuses what is no float", () => {
  expect(() => asF32(stored("I8", new Uint8Array(4), 4))).toThrow(/"w" is of I8, expected floats: F64, F32/);
});
