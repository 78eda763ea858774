// NaN and infinity among the elements of a tensor's bytes.
import { expect, it } from "vitest";
import { toHalfArray } from "../../src/device/half.ts";
import { firstNonFinite } from "../../src/graph/finite.ts";

const NONE = [0, -0, 1, -3.4e38, 3.4e38, 1e-45];

it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("finds %s in f32 and f16", (value) => {
  const values = [1, -2, value, Number.NaN, 3];
  expect(firstNonFinite("f32", Float32Array.from(values).buffer)).toBe(2);
  expect(firstNonFinite("f16", toHalfArray(values).buffer as ArrayBuffer)).toBe(2);
});

it("takes the largest and smallest numbers for numbers, and all integers", () => {
  expect(firstNonFinite("f32", Float32Array.from(NONE).buffer)).toBe(-1);
  expect(firstNonFinite("f16", toHalfArray([0, 65504, -65504, 6e-8]).buffer as ArrayBuffer)).toBe(-1);
  expect(firstNonFinite("f16", toHalfArray([0, 65520]).buffer as ArrayBuffer)).toBe(1);
  expect(firstNonFinite("u32", Uint32Array.of(0x7f80_0000, 0xffff_ffff).buffer)).toBe(-1);
});

it("of nothing gives nothing", () => {
  expect(firstNonFinite("f32", new ArrayBuffer(0))).toBe(-1);
});
