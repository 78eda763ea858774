// The .npy writer against the bytes that numpy.save wrote, and the reader against files it must refuse.
import { describe, expect, it } from "vitest";
import { ArgumentError, InvalidFileError } from "../../src/device/errors.ts";
import { readNpy, writeNpy } from "../../src/io/npy.ts";

/** np.save of np.arange(6, dtype="float32").reshape(2, 3), NumPy 2.4. */
const NUMPY_FILE =
  "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAACAPwAAAEAAAEBAAACAQAAAoEA=";

describe("npy", () => {
  it("writes the very bytes of numpy.save", () => {
    const bytes = writeNpy(new Float32Array([0, 1, 2, 3, 4, 5]), [2, 3]);
    expect(Buffer.from(bytes).toString("base64")).toBe(NUMPY_FILE);
  });

  it.each([[[6]], [[1, 6]], [[2, 1, 3]]])("reads back shape %j", (shape) => {
    const data = new Float32Array([0.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-40, 3]);
    const file = new Uint8Array([1, 2, 3, ...writeNpy(data, shape)]).subarray(3); // at an odd offset
    expect(readNpy(file)).toEqual({ data, shape });
  });

  it("reads back a scalar and an empty array", () => {
    expect(readNpy(writeNpy(new Float32Array([7]), []))).toEqual({ data: new Float32Array([7]), shape: [] });
    expect(readNpy(writeNpy(new Float32Array(0), [0, 512]))).toEqual({ data: new Float32Array(0), shape: [0, 512] });
  });

  it("reads a Buffer, which may lie in a pool with others", () => {
    const data = Float32Array.from([1, 2, 3]);
    expect(readNpy(Buffer.from(writeNpy(data, [3])))).toEqual({ data, shape: [3] });
  });

  it("refuses a shape that does not fit", () => {
    expect(() => writeNpy(new Float32Array(5), [2, 3])).toThrow(ArgumentError);
    expect(() => writeNpy(new Float32Array(5), [2, 3])).toThrow("data has 5 elements, shape [2, 3] holds 6");
  });

  const good = writeNpy(new Float32Array(4), [2, 2]);
  const changed = (from: string, to: string) =>
    new Uint8Array(Buffer.from(Buffer.from(good).toString("latin1").replace(from, to), "latin1"));
  it.each([
    ["no bytes", new Uint8Array(0), /magic/],
    ["another file", new TextEncoder().encode('{"not": "npy"}'), /magic/],
    ["cut off", good.subarray(0, good.length - 1), /15 bytes follow the header, expected 16/],
    ["cut off in the header", good.subarray(0, 40), /header/],
    ["another version", changed("NUMPY\u0001", "NUMPY\u0002"), /version 2/],
    ["doubles", changed("<f4", "<f8"), /expected float32/],
    ["column-major order", changed("False", "True "), /expected float32 in row-major order/],
  ])("refuses %s", (_, file, message) => {
    expect(() => readNpy(file)).toThrow(InvalidFileError);
    expect(() => readNpy(file)).toThrow(message);
  });
});
