// Each published layout is of one family and no other, by its settings or by the names of its tensors alone.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { SeededRow } from "../../src/check/seeded.ts";
import { allFamilies } from "../../src/models/families.ts";
import { familyOf, type ModelFiles } from "../../src/models/family.ts";
import { unreadTensors } from "../../src/models/unread.ts";

const GOLDEN = "test/golden";

function filesOf(golden: string, hasSettings = true): ModelFiles {
  const json = (name: string) => {
    const path = `${GOLDEN}/${golden}/${name}`;
    return hasSettings && existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
  };
  const processor = json("preprocessor_config.json");
  const rows = JSON.parse(readFileSync(`${GOLDEN}/${golden}/manifest.json`, "utf8")) as SeededRow[];
  return {
    name: golden,
    tensors: new Map(rows.map(({ name, shape }) => [name, { shape, dtype: "F32" }])),
    config: json("config.json"),
    openClip: json("open_clip_config.json"),
    processor: processor && { file: "preprocessor_config.json", json: processor },
  };
}

/** Models of test/golden, and their family; where it says so, their tensors tell it too. */
const MODELS: readonly { golden: string; family: string; byTensors?: boolean }[] = [
  { golden: "clip-vit-base-patch32", family: "clip-vit", byTensors: true },
  { golden: "small-clip", family: "clip-vit", byTensors: true },
  { golden: "small-clip-gelu", family: "clip-vit", byTensors: true },
  { golden: "clip-resnet50", family: "clip-resnet" },
  { golden: "small-clip-resnet", family: "clip-resnet" },
  { golden: "dino-vits16", family: "dino-vit" },
  { golden: "dino-vits8", family: "dino-vit" },
  { golden: "dinov2-small", family: "dino-vit" },
  { golden: "small-dinov2-registers", family: "dino-vit" },
  { golden: "small-dinov2-swiglu", family: "dino-vit" },
  { golden: "dinov3-vits16", family: "dino-vit" },
  { golden: "small-dinov3", family: "dino-vit" },
  { golden: "dino-resnet50", family: "dino-resnet", byTensors: true },
  { golden: "small-dino-resnet", family: "dino-resnet", byTensors: true },
  { golden: "sam-vit-base", family: "sam-vit" },
  { golden: "small-sam", family: "sam-vit" },
  { golden: "mobile-sam", family: "mobile-sam", byTensors: true },
  { golden: "small-sam2", family: "sam2" },
  { golden: "sam2.1-hiera-tiny", family: "sam2" },
  { golden: "small-edgetam", family: "sam2" },
  { golden: "small-edgetam-repvit-m0-9", family: "sam2" },
  { golden: "edgetam", family: "sam2" },
  { golden: "sam2.1-hiera-tiny-original", family: "sam2", byTensors: true },
];

describe.each(MODELS)("$golden", ({ golden, family, byTensors = false }) => {
  const settings = byTensors ? [true, false] : [true];

  it.each(settings)(`is of ${family} and of no other (with its settings: %s)`, (hasSettings) => {
    const files = filesOf(golden, hasSettings);
    const recognized = allFamilies().filter((one) => one.recognizes(files));
    expect(recognized.map(({ name }) => name)).toEqual([family]);
  });

  it("reads every tensor", async () => {
    const files = filesOf(golden);
    const family = familyOf(allFamilies(), files);
    if (!family) throw new RangeError("no family");
    expect(unreadTensors(files, family, await family.read(files))).toEqual([]);
  });

  it("gives parts that are made ready, and examples with inputs for each", async () => {
    const files = filesOf(golden);
    const model = await familyOf(allFamilies(), files)?.read(files);
    expect(model?.firstParts("f32").length).toBeGreaterThan(0);
    for (const { part, inputs } of Object.values(model?.examples("f32") ?? {})) {
      const values = await inputs(() => 0.5);
      expect(Object.keys(values).sort()).toEqual(Object.keys(part.inputs).sort());
      for (const [name, { shape }] of Object.entries(part.inputs)) {
        expect(values[name]?.length).toBe(shape.reduce((a, b) => a * b, 1));
      }
    }
  });
});

it("has no two families of one name, and a class of the API for each", async () => {
  const names = allFamilies().map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(new Set(MODELS.map(({ family }) => family))).toEqual(new Set(names));
});
