import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import type { Tensor } from "../../src/device/tensor.ts";
import { dispatch } from "../../src/kernels/dispatch.ts";
import {
  type PictureSize,
  type ResizeAxis,
  type ResizeFilter,
  resize,
  resizeCoefficients,
  resizeOrder,
} from "../../src/kernels/resize.ts";
import { resizeSuite } from "../../src/verify/references/resize.ts";
import { testDevice } from "../adapters.ts";
import { kernelTest } from "./kernelTest.ts";

interface Wanted extends PictureSize {
  readonly filter: ResizeFilter;
}

interface Golden {
  readonly pillow: string;
  readonly small: PictureSize & { readonly rgb: string };
  readonly smallResults: readonly (Wanted & { readonly rgb: string })[];
  readonly photo: string;
  readonly photoResults: readonly (Wanted & { readonly sha256: string })[];
}

const ROOT = new URL("../../", import.meta.url);
const golden: Golden = JSON.parse(readFileSync(new URL("test/golden/resize.json", ROOT), "utf8"));
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));

/** RGB bytes as the kernel reads them, opaque. */
function packed(rgb: Uint8Array): Uint32Array {
  const byte = (i: number) => rgb[i] as number;
  return Uint32Array.from({ length: rgb.length / 3 }, (_, i) => {
    return (byte(3 * i) | (byte(3 * i + 1) << 8) | (byte(3 * i + 2) << 16) | (255 << 24)) >>> 0;
  });
}

/** The passes of PIL.Image.resize on the GPU. */
async function resized(rgb: Uint8Array, from: PictureSize, to: Wanted): Promise<Uint8Array> {
  const device = await testDevice();
  const tensors: Tensor[] = [];
  const keep = (tensor: Tensor) => {
    tensors.push(tensor);
    return tensor;
  };
  const pass = async (image: Tensor, axis: ResizeAxis) => {
    const [length, size] = axis === "horizontal" ? [from.width, to.width] : [from.height, to.height];
    const { starts, weights, taps } = resizeCoefficients(length, size, to.filter);
    const inputs = {
      image,
      starts: keep(device.upload({ dtype: "i32", shape: [size] }, starts)),
      weights: keep(device.upload({ dtype: "i32", shape: [size, taps] }, weights)),
    };
    return keep(await dispatch(device, resize, inputs, { axis }));
  };
  try {
    let image = keep(device.upload({ dtype: "u32", shape: [from.height, from.width] }, packed(rgb)));
    for (const axis of resizeOrder(from, to)) image = await pass(image, axis);
    expect(image.shape).toEqual([to.height, to.width]);
    const rgba = new Uint8Array(await device.read(image));
    return rgba.filter((_, i) => i % 4 !== 3);
  } finally {
    for (const { buffer } of tensors) device.free(buffer);
  }
}

/** How often each difference occurs: `{ "0": n }` when all bytes are equal. */
function differences(got: Uint8Array, expected: Uint8Array): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [i, value] of expected.entries()) {
    const key = String(Math.abs(value - (got[i] ?? Number.NaN)));
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

kernelTest(resizeSuite);

describe(`resize as Pillow ${golden.pillow} does`, () => {
  const small = bytesOf(golden.small.rgb);
  const { width, height } = golden.small;
  for (const target of golden.smallResults) {
    it(`${width} x ${height} to ${target.width} x ${target.height}, ${target.filter}`, async () => {
      const expected = bytesOf(target.rgb);
      expect(differences(await resized(small, golden.small, target), expected)).toEqual({ "0": expected.length });
    });
  }
  for (const target of golden.photoResults) {
    it(`${golden.photo} to ${target.width} x ${target.height}, ${target.filter}`, async () => {
      const photo = sharp(fileURLToPath(new URL(golden.photo, ROOT))).removeAlpha();
      const { data, info } = await photo.raw().toBuffer({ resolveWithObject: true });
      const got = await resized(new Uint8Array(data), info, target);
      expect(createHash("sha256").update(got).digest("hex")).toBe(target.sha256);
    });
  }
});

describe("resizeOrder", () => {
  const order = (...[w, h, width, height]: [number, number, number, number]) =>
    resizeOrder({ width: w, height: h }, { width, height });
  it("begins with the horizontal pass unless many more rows than columns go", () => {
    expect(order(640, 480, 298, 224)).toEqual(["horizontal", "vertical"]);
    expect(order(300, 200, 200, 0)).toEqual(["horizontal", "vertical"]);
    expect(order(300, 201, 200, 0)).toEqual(["vertical", "horizontal"]);
    expect(order(300, 200, 400, 199)).toEqual(["vertical", "horizontal"]);
    expect(order(300, 200, 600, 400)).toEqual(["horizontal", "vertical"]);
  });
  it("leaves out what changes nothing", () => {
    expect(order(9, 8, 9, 8)).toEqual([]);
    expect(order(9, 8, 9, 4)).toEqual(["vertical"]);
    expect(order(9, 8, 4, 8)).toEqual(["horizontal"]);
  });
});

describe("resizeCoefficients", () => {
  it("leaves an axis of the same length as it is", () => {
    for (const filter of ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] as const) {
      const { starts, weights, taps } = resizeCoefficients(9, 9, filter);
      for (let i = 0; i < 9; i++) {
        const row = [...weights.subarray(i * taps, (i + 1) * taps)];
        expect(row.findIndex((w) => w !== 0) + (starts[i] as number), filter).toBe(i);
        expect(row.filter((w) => w !== 0)).toEqual([2 ** 22]);
      }
    }
  });

  it("reads no pixel beyond the picture and weighs each result by 1", () => {
    for (const [from, to] of [
      [640, 224],
      [3, 1000],
      [1024, 1],
      [17, 16],
    ] as const) {
      const { starts, weights, taps } = resizeCoefficients(from, to, "lanczos");
      for (let i = 0; i < to; i++) {
        expect(starts[i]).toBeGreaterThanOrEqual(0);
        expect((starts[i] as number) + taps).toBeLessThanOrEqual(from);
        const sum = weights.subarray(i * taps, (i + 1) * taps).reduce((a, b) => a + b, 0);
        expect(Math.abs(sum - 2 ** 22)).toBeLessThanOrEqual(taps);
      }
    }
  });

  it("refuses sizes that are none", () => {
    expect(() => resizeCoefficients(0, 4, "box")).toThrow("a size is 0");
    expect(() => resizeCoefficients(4, 2.5, "box")).toThrow("a size is 2.5");
  });
});
