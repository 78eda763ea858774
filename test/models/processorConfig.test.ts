// Which class decides what a processor's settings mean, where they are read from, and what is refused by name.
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/device/errors.ts";
import { openSource } from "../../src/io/source/openSource.ts";
import { openClipRecipe } from "../../src/models/preprocess/openClip.ts";
import { processorRecipe } from "../../src/models/preprocess/processorConfig.ts";
import { outputSize, resizedSize } from "../../src/models/preprocess/recipe.ts";
import { timmRecipe } from "../../src/models/preprocess/timm.ts";
import { samConfig } from "../../src/models/sam/readConfig.ts";
import { samRecipe } from "../../src/models/sam/recipe.ts";
import type { TensorTable } from "../../src/models/weights.ts";
import { readSettings } from "../../src/session/pretrained.ts";

const FILE = "preprocessor_config.json";
const read = (json: object, config: object = {}) => processorRecipe({ file: FILE, json }, config);

describe("the class", () => {
  it.each([
    ["image_processor_type", { image_processor_type: "CLIPImageProcessorFast" }, {}, 64],
    ["feature_extractor_type", { feature_extractor_type: "ViTFeatureExtractor" }, { model_type: "clip" }, [64, 64]],
    [
      "config.json's image_processor_type",
      {},
      { model_type: "clip", image_processor_type: "ViTImageProcessor" },
      [64, 64],
    ],
    ["model_type", { processor_class: "CLIPProcessor" }, { model_type: "vit" }, [64, 64]],
    ["processor_class alone", { processor_class: "CLIPProcessor" }, {}, 64],
    ["one of transformers 5's second kind", { image_processor_type: "BitImageProcessorPil" }, {}, 64],
  ])("%s decides what a number means", (_, settings, config, resize) => {
    expect(read({ ...settings, size: 64 }, config).resize).toEqual(resize);
  });

  it.each([
    [{}, {}, /preprocessor_config\.json names no image_processor_type, and config\.json no model_type/],
    [{ image_processor_type: "DPTImageProcessor" }, {}, /image processor is "DPTImageProcessor", expected one of CLIP/],
    [{ image_processor_type: "constructor" }, {}, /image processor is "constructor"/],
  ])("is refused when nothing says it, or it is not known: %j", (settings, config, message) => {
    expect(() => read(settings, config)).toThrow(CheckpointError);
    expect(() => read(settings, config)).toThrow(message);
  });
});

describe("a key or value that is not understood is named with its file", () => {
  it.each([
    ["CLIP", { size_divisor: 32 }, "size_divisor is 32, which CLIPImageProcessor does not know"],
    ["ViT", { crop_pct: 0.9 }, "crop_pct is 0.9, which ViTImageProcessor does not know"],
    ["ViT", { do_reduce_labels: true }, "do_reduce_labels is true"],
    ["ViT", { do_resize: "yes" }, 'do_resize is "yes", expected true or false'],
    ["ViT", { resample: 7 }, "resample is 7, expected 0 (nearest-exact)"],
    ["ViT", { resample: null }, "resample is null"],
    ["ViT", { size: null }, "size is null"],
    ["ViT", { image_mean: null }, "image_mean is null"],
    ["ViT", { size: { longest_edge: 64 } }, "more than longest_edge for ViTImageProcessor"],
    ["ViT", { size: { height: 64 } }, 'size is {"height":64}, expected a number'],
    ["ViT", { size: { height: 64, width: 64, shortest_edge: 64 } }, "an object with height and width"],
    ["ViT", { size: [64, 64, 3] }, "size is [64,64,3]"],
    ["ViT", { size: 0 }, "size is 0, expected a whole number of pixels from 1 to 8192"],
    ["ViT", { do_center_crop: true }, "do_center_crop is true, and there is no crop_size"],
    ["CLIP", { crop_size: { shortest_edge: 64 } }, "expected a height and a width"],
    ["CLIP", { do_pad: true }, "do_pad is true, and there is no pad_size"],
    ["CLIP", { image_std: [1, 0, 1] }, "image_std is [1,0,1], expected three positive numbers"],
    ["CLIP", { image_mean: [0.5, 0.5] }, "image_mean is [0.5,0.5], expected three numbers"],
    ["CLIP", { rescale_factor: 0 }, "rescale_factor is 0, expected a positive number"],
    ["DINOv3ViT", { resample: 1 }, "resample is 1, expected 0 (nearest-exact), 2 (bilinear), 3 (bicubic)"],
    ["ConvNext", { size: 40, do_center_crop: true, crop_size: 30 }, "crop_pct crops already"],
    ["Sam", { size: { shortest_edge: 64 } }, "expected longest_edge"],
  ])("%s: %j", (name, settings, message) => {
    const json = { image_processor_type: `${name}ImageProcessor`, ...settings };
    expect(() => read(json)).toThrow(CheckpointError);
    expect(() => read(json)).toThrow(`${FILE}: `);
    expect(() => read(json)).toThrow(message);
  });

  it("and what is switched off, or says nothing of pictures, is none", () => {
    const silent = { do_reduce_labels: false, size_divisor: null, data_format: "channels_first", device: "cuda" };
    expect(read({ image_processor_type: "ViTImageProcessor", ...silent })).toEqual(read({}, { model_type: "vit" }));
  });

  it.each([
    [{ crop_mode: "corner" }, 'config.json: crop_mode is "corner", expected "center", "squash", "border"'],
    [{ interpolation: "random" }, 'config.json: interpolation is "random", expected "nearest"'],
    [{ input_size: [1, 32, 32] }, "config.json: input_size is [1,32,32], expected [3, height, width]"],
    [{ border: 4 }, "config.json: pretrained_cfg: border is 4, which timm does not know"],
  ])("timm: %j", (pretrained_cfg, message) => {
    expect(() => timmRecipe({ architecture: "vit", pretrained_cfg }, 32)).toThrow(message);
    const { pretrained_cfg: _, ...flat } = { pretrained_cfg, architecture: "vit", ...pretrained_cfg };
    expect(() => timmRecipe(flat, 32)).toThrow(message.replace("pretrained_cfg: ", ""));
  });

  it("timm: a larger size is known and not taken, as create_transform takes it only when asked", () => {
    const cfg = { input_size: [3, 48, 48], crop_pct: 0.9 };
    const larger = { test_input_size: [3, 64, 64], test_crop_pct: 1 };
    expect(timmRecipe({ pretrained_cfg: { ...cfg, ...larger } }, 48)).toEqual(timmRecipe({ pretrained_cfg: cfg }, 48));
  });

  it("open_clip's image_size", () => {
    expect(() => openClipRecipe({ model_cfg: { vision_cfg: { image_size: [32] } } })).toThrow("image_size is [32]");
  });
});

describe("SAM's square", () => {
  const table: TensorTable = { name: "", tensors: new Map() };
  const config = samConfig({ vision_config: { image_size: 256 } });
  const recipe = (json: object) => {
    return samRecipe(
      { ...table, config: { model_type: "sam" }, openClip: undefined, processor: { file: FILE, json } },
      config,
    );
  };

  it("takes a picture by a longest edge of its own", () => {
    const { resize, pad } = recipe({ size: { longest_edge: 200 }, pad_size: 256 });
    expect(resizedSize(resize, [100, 50])).toEqual([200, 100]);
    expect(pad).toEqual([256, 256]);
  });

  it.each([{}, { size: { longest_edge: 300 }, pad_size: 256 }, { do_pad: false }, { do_resize: false, pad_size: 256 }])(
    "refuses %j, with what would do",
    (json) => expect(() => recipe(json)).toThrow(/Sam pads pictures to the model's 256 x 256: expected do_pad/),
  );
});

describe("where settings are read", () => {
  const old = { image_processor_type: "ViTImageProcessor", size: 32 };
  const settingsOf = async (files: object, config: object = { model_type: "vit" }) => {
    const source = await openSource({ config, weights: new Uint8Array(8), ...files });
    return (await readSettings(source, [])).processor;
  };

  it("processor_config.json's image_processor, before preprocessor_config.json", async () => {
    const image_processor = { ...old, size: 48 };
    const both = await settingsOf({ preprocessor: old, processor: { processor_class: "X", image_processor } });
    expect(both).toEqual({ file: "processor_config.json: image_processor", json: image_processor });
  });

  it("preprocessor_config.json where the new file has none, as before transformers 5", async () => {
    const before = await settingsOf({ preprocessor: old, processor: { processor_class: "CLIPProcessor" } });
    expect(before).toEqual({ file: FILE, json: old });
  });

  it("neither in a folder of timm, as timm reads none", async () => {
    expect(await settingsOf({ preprocessor: old }, { architecture: "vit_small_patch16_224" })).toBeUndefined();
  });
});

it("a picture that is larger than what it is padded to is an ImageError", () => {
  const recipe = read({ image_processor_type: "ViTImageProcessor", do_resize: false, do_pad: true, pad_size: 64 });
  expect(outputSize(recipe, [64, 3])).toEqual([64, 64]);
  expect(() => outputSize(recipe, [65, 3])).toThrow("the picture comes to 65 x 3, expected at most 64 x 64");
});
