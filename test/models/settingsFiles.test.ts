// Which of the JSON files beside the weights count.
import { expect, it } from "vitest";
import type { Source } from "../../src/io/source/source.ts";
import { allFamilies } from "../../src/models/families.ts";
import { readSettings } from "../../src/session/pretrained.ts";

function folder(files: Readonly<Record<string, unknown>>): Source {
  return { name: "a folder", json: async (file) => files[file], open: async () => undefined };
}

const OPEN_CLIP = { model_cfg: { embed_dim: 64 } };

it.each([
  ["nothing", {}],
  ["no model", { open_clip_version: "2.20" }],
  ["timm's image tower", { architecture: "vit_base_patch32_clip_224" }],
  ["no towers", { model_type: "clip" }],
])("open_clip_config.json counts beside a config.json with %s", async (_, config) => {
  const source = folder({ "config.json": config, "open_clip_config.json": OPEN_CLIP, "preprocessor_config.json": {} });
  expect(await readSettings(source, allFamilies())).toEqual({
    config: undefined,
    openClip: OPEN_CLIP,
    processor: undefined,
  });
});

it.each([
  ["both towers", { model_type: "clip", text_config: {}, vision_config: {} }],
  ["one tower", { model_type: "clip_vision_model", hidden_size: 64 }],
])("transformers' config.json counts with %s", async (_, config) => {
  const settings = await readSettings(
    folder({ "config.json": config, "open_clip_config.json": OPEN_CLIP }),
    allFamilies(),
  );
  expect(settings).toEqual({ config, openClip: undefined, processor: undefined });
});

it("config.json counts where there is no other", async () => {
  const config = { model_type: "clip" };
  expect((await readSettings(folder({ "config.json": config }), allFamilies())).config).toBe(config);
});

it("null for image_processor leaves preprocessor_config.json", async () => {
  const files = { "config.json": { model_type: "vit" }, "processor_config.json": { image_processor: null } };
  const { processor } = await readSettings(
    folder({ ...files, "preprocessor_config.json": { size: 64 } }),
    allFamilies(),
  );
  expect(processor).toEqual({ file: "preprocessor_config.json", json: { size: 64 } });
});
