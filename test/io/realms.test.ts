// Bytes, Blobs and URLs of another realm: a page's frame, jsdom, Jest and Node's vm have classes of their own.
import { runInNewContext } from "node:vm";
import sharp from "sharp";
import { expect, it } from "vitest";
import { propagateMask } from "../../src/features/propagateMask.ts";
import { loadImage } from "../../src/io/image/image.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import { writeSafetensors } from "../../src/io/safetensors/writeSafetensors.ts";
import { openSource } from "../../src/io/source/openSource.ts";
import { buffersOf, pack, packSource } from "../../src/worker/parcel.ts";

/** The same bytes in an array of another realm's class. */
function foreign(bytes: Uint8Array, type: "Uint8Array" | "Uint8ClampedArray" = "Uint8Array"): Uint8Array {
  const array = runInNewContext(`new ${type}(bytes)`, { bytes: [...bytes] });
  expect(array instanceof Uint8Array || array instanceof Uint8ClampedArray).toBe(false);
  return array;
}

/** A Blob as a polyfill or jsdom makes it: it says what it is, and is no instance of this realm's class. */
function foreignBlob(bytes: Uint8Array<ArrayBuffer>, tag = "Blob"): Blob {
  const blob = new Blob([bytes]);
  return {
    size: blob.size,
    type: "",
    slice: (start?: number, end?: number) => blob.slice(start, end),
    arrayBuffer: () => blob.arrayBuffer(),
    [Symbol.toStringTag]: tag,
  } as unknown as Blob;
}

const weights = writeSafetensors({ row: { dtype: "F32", data: new Float32Array([1, 2, 3]), shape: [3] } });
const png = new Uint8Array(
  await sharp({ create: { width: 2, height: 3, channels: 3, background: "red" } })
    .png()
    .toBuffer(),
);

it.each([
  ["a Uint8Array", foreign(weights)],
  ["an ArrayBuffer", foreign(weights).buffer as ArrayBuffer],
  ["a Blob", foreignBlob(weights)],
])("safetensors are read from %s of another realm, alone and as a model's weights", async (_, bytes) => {
  const file = await readSafetensors(bytes);
  expect([...file.tensors.keys()]).toEqual(["row"]);
  const source = await openSource({ config: {}, weights: bytes });
  expect((await source.open("model.safetensors"))?.size).toBe(weights.byteLength);
});

it.each([
  ["a Uint8Array", foreign(png)],
  ["an ArrayBuffer", foreign(png).buffer as ArrayBuffer],
  ["a Blob", foreignBlob(png)],
  ["a File", foreignBlob(png, "File")],
])("a picture is decoded from %s of another realm", async (_, picture) => {
  const { width, height, data } = await loadImage(picture);
  expect([width, height, ...data.subarray(0, 4)]).toEqual([2, 3, 255, 0, 0, 255]);
});

it.each(["Uint8Array", "Uint8ClampedArray"] as const)("pixels are taken from a %s of another realm", async (type) => {
  const data = foreign(new Uint8Array([1, 2, 3]), type);
  expect([...(await loadImage({ width: 1, height: 1, channels: 3, data })).data]).toEqual([1, 2, 3, 255]);
});

it("a mask of another realm is propagated", async () => {
  const features = { patches: { data: new Float32Array([1, 0]), shape: [1, 1, 2] }, grid: [1, 1] } as const;
  const mask = { width: 1, height: 1, data: foreign(new Uint8Array([1])) };
  const { value } = await propagateMask([features, features], mask).next();
  expect([...value.data]).toEqual([1]);
});

it("a worker is handed copies of arrays and addresses of another realm", () => {
  const transfers: Transferable[] = [];
  const array = foreign(new Uint8Array([5]));
  const copy = pack(array, transfers) as Uint8Array;
  expect([...copy]).toEqual([5]);
  expect(copy).not.toBe(array);
  expect(transfers).toEqual([copy.buffer]);
  expect(pack(array.buffer, transfers)).not.toBe(array.buffer);
  expect(buffersOf({ array }).size).toBe(1);
  const url = { href: "https://example.org/model/", [Symbol.toStringTag]: "URL" };
  expect(packSource(url as unknown as URL, [])).toBe("https://example.org/model/");
});
