// Two calls whose pictures come to one size by different ways (another resize, a crop or none) give what each gives by
// itself: a plan that is kept for one recipe is not taken for another.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Clip } from "../../src/api/clip.ts";
import { Dino, type DinoEncodeOptions } from "../../src/api/dino.ts";
import type { RawImage } from "../../src/io/image/image.ts";
import type { SourceBytes } from "../../src/io/source/source.ts";
import { testDevice } from "../adapters.ts";

/** A small model, with settings of another preprocessing. */
async function source(name: string, settings: object): Promise<SourceBytes> {
  const folder = `test/golden/${name}`;
  const json = async (file: string) => JSON.parse(await readFile(`${folder}/${file}`, "utf8"));
  const preprocessor = { ...(await json("preprocessor_config.json")), ...settings };
  const weights = await readFile(`${folder}/model.safetensors`);
  return { config: await json("config.json"), weights: new Uint8Array(weights), preprocessor };
}

/** A square picture, which comes to a square by every recipe, and one that does not. */
function picture(width: number, height: number): RawImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = (i * 7 + (i >> 7) * 31) % 256;
  return { width, height, channels: 3, data };
}

const PICTURES = { square: picture(120, 120), wide: picture(180, 120) };

/** In both orders of each pair: what a model that did the one before gives, against a fresh model. */
function pairs<T>(list: readonly T[]): (readonly [T, T])[] {
  return list.flatMap((a, i) => list.flatMap((b, j) => (i === j ? [] : [[a, b] as const])));
}

describe("Dino with resize 96 and crop 64", () => {
  const RECIPE = {
    do_resize: true,
    size: { shortest_edge: 96 },
    do_center_crop: true,
    crop_size: { height: 64, width: 64 },
  };
  const SIZES: readonly DinoEncodeOptions["size"][] = [undefined, 64, [64, 64]];
  const cases = Object.entries(PICTURES).flatMap(([name, image]) =>
    pairs(SIZES).map(([before, size]) => [name, before, size, image] as const),
  );

  it.each(cases)("%s: size %j, then %j", async (name, before, size, image) => {
    const device = await testDevice();
    const from = await source("small-dino", RECIPE);
    const encode = (dino: Dino, wanted: DinoEncodeOptions["size"]) =>
      dino.encodeImage(image, wanted === undefined ? {} : { size: wanted });
    using used = await Dino.fromPretrained(from, { device });
    await encode(used, before);
    using fresh = await Dino.fromPretrained(from, { device });
    const expected = await encode(fresh, size);
    expect((await encode(used, size)).cls.data).toEqual(expected.cls.data);
    // To a square of 64 by its edge or exactly: the same for a square, and for no other pair.
    const isSame = name === "square" && before !== undefined && size !== undefined;
    const { cls } = await encode(used, before);
    if (isSame) expect(cls.data).toEqual(expected.cls.data);
    else expect(cls.data).not.toEqual(expected.cls.data);
  });
});

describe("Clip with resize 64 and crop 48", () => {
  const SIZES: readonly (number | undefined)[] = [undefined, 48];

  it.each(pairs(SIZES))("size %j, then %j", async (before, size) => {
    const device = await testDevice();
    const from = await source("small-clip", { size: { shortest_edge: 64 }, crop_size: { height: 48, width: 48 } });
    const encode = (clip: Clip, wanted: number | undefined) =>
      clip.encodeImage(PICTURES.wide, wanted === undefined ? {} : { size: wanted });
    using used = await Clip.fromPretrained(from, { device });
    await encode(used, before);
    using fresh = await Clip.fromPretrained(from, { device });
    const expected = await encode(fresh, size);
    expect((await encode(used, size)).data).toEqual(expected.data);
    expect((await encode(used, before)).data).not.toEqual(expected.data);
  });
});

describe("pictures that are not resized", () => {
  const settings = { do_resize: false, do_center_crop: false };

  it("load, and a picture of the model's size gives what it gives resized", async () => {
    const device = await testDevice();
    const image = picture(64, 64);
    const smaller = picture(48, 48);
    using dino = await Dino.fromPretrained(await source("small-dino", settings), { device });
    using usual = await Dino.fromPretrained("test/golden/small-dino", { device });
    expect((await dino.encodeImage(image)).cls.data).toEqual((await usual.encodeImage(image)).cls.data);
    expect((await dino.summary()).dispatches).toBe((await usual.summary()).dispatches);
    using clip = await Clip.fromPretrained(await source("small-clip", settings), { device });
    using usualClip = await Clip.fromPretrained("test/golden/small-clip", { device });
    expect((await clip.encodeImage(smaller)).data).toEqual((await usualClip.encodeImage(smaller)).data);
    expect((await clip.summary()).dispatches).toBe((await usualClip.summary()).dispatches);
  });
});
