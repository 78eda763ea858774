// Configurations of CLIP as they are published: near-empty ones, old ones, one tower, open_clip's; and those that
// cannot be meant, each with a message that names the value.
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/device/errors.ts";
import { openClipConfig } from "../../src/models/clip/openClip.ts";
import { clipConfig } from "../../src/models/clip/readConfig.ts";

/** transformers' CLIPConfig(): ViT-B/32. */
const DEFAULTS = {
  text: {
    hidden_size: 512,
    intermediate_size: 2048,
    num_hidden_layers: 12,
    num_attention_heads: 8,
    hidden_act: "quickGelu",
    layer_norm_eps: 1e-5,
    max_position_embeddings: 77,
    vocab_size: 49408,
    eos_token_id: 49407,
    pool_type: "eos",
  },
  vision: {
    hidden_size: 768,
    intermediate_size: 3072,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    hidden_act: "quickGelu",
    layer_norm_eps: 1e-5,
    image_size: 224,
    patch_size: 32,
  },
  logit_scale_init_value: 2.6592,
};

describe("config.json", () => {
  it.each([
    ["an empty one", {}],
    ["empty parts", { model_type: "clip", text_config: {}, vision_config: {} }],
    [
      "null for what was not set",
      { text_config: null, vision_config: { patch_size: null }, logit_scale_init_value: null },
    ],
  ])("%s: the defaults of the class, which are those of ViT-B/32", (_, json) => {
    expect(clipConfig(json)).toEqual(DEFAULTS);
  });

  it("parts that hold what differs (openai/clip-vit-large-patch14-336)", () => {
    const { text, vision } = clipConfig({
      model_type: "clip",
      projection_dim: 768,
      text_config: { hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12, projection_dim: 768 },
      vision_config: {
        hidden_size: 1024,
        image_size: 336,
        intermediate_size: 4096,
        num_attention_heads: 16,
        num_hidden_layers: 24,
        patch_size: 14,
      },
    });
    expect(text).toMatchObject({ hidden_size: 768, num_hidden_layers: 12, vocab_size: 49408 });
    expect(vision).toMatchObject({ hidden_size: 1024, image_size: 336, patch_size: 14, num_hidden_layers: 24 });
  });

  it("text_config_dict and vision_config_dict, with their defaults, take the place of all of the others", () => {
    const { text, vision } = clipConfig({
      text_config: { hidden_size: 64, hidden_act: "gelu", vocab_size: 100 },
      text_config_dict: { hidden_size: 640, num_attention_heads: 10 },
      vision_config: { image_size: 336, patch_size: 32 },
      vision_config_dict: { patch_size: 16 },
    });
    expect(text).toMatchObject({ hidden_size: 640, num_attention_heads: 10, hidden_act: "quickGelu" });
    expect([text.vocab_size, vision.image_size, vision.patch_size]).toEqual([49408, 224, 16]); // of CLIPConfig(...)
  });

  it("null for a *_config_dict, as the older files have it, changes nothing", () => {
    const json = { text_config: { hidden_size: 64 }, text_config_dict: null, vision_config_dict: null };
    expect(clipConfig(json).text.hidden_size).toBe(64);
  });

  it("one tower with projection holds its keys at the top", () => {
    const vision = clipConfig({
      model_type: "clip_vision_model",
      hidden_size: 64,
      num_attention_heads: 4,
      patch_size: 8,
    });
    expect(vision.vision).toMatchObject({ hidden_size: 64, num_attention_heads: 4, patch_size: 8 });
    expect(vision.text).toEqual(DEFAULTS.text);
    const text = clipConfig({
      model_type: "clip_text_model",
      hidden_size: 64,
      num_attention_heads: 4,
      vocab_size: 600,
    });
    expect(text.text).toMatchObject({ hidden_size: 64, num_attention_heads: 4, vocab_size: 600 });
    expect(text.vision).toEqual(DEFAULTS.vision);
  });

  it("keeps the historic eos_token_id 2, which the towers read as 'the largest id'", () => {
    expect(clipConfig({ text_config: { eos_token_id: 2 } }).text.eos_token_id).toBe(2);
  });

  it.each([
    ["quick_gelu", "quickGelu"],
    ["gelu", "gelu"],
    ["gelu_new", "geluTanh"],
    ["gelu_pytorch_tanh", "geluTanh"],
  ])("activation %s", (published, ours) => {
    expect(clipConfig({ vision_config: { hidden_act: published } }).vision.hidden_act).toBe(ours);
  });
});

describe("what cannot be meant is refused by name", () => {
  const vision = (part: object) => ({ vision_config: part });
  it.each<[unknown, string]>([
    [undefined, "config.json must be a JSON object, got nothing"],
    [[], "config.json must be a JSON object, got []"],
    ["clip", 'config.json must be a JSON object, got "clip"'],
    [{ model_type: "siglip" }, 'config.json says model_type "siglip"; Clip reads "clip" models'],
    [{ text_config: 3 }, "text_config must be a JSON object, got 3"],
    [{ vision_config_dict: [1] }, "vision_config_dict must be a JSON object, got [1]"],
    [vision({ hidden_size: 0 }), "hidden_size is 0, expected a number from 1 to 65536"],
    [vision({ hidden_size: -768 }), "hidden_size is -768, expected a number from 1"],
    [vision({ hidden_size: "768" }), 'hidden_size is "768", expected a number'],
    [vision({ hidden_size: 1e300 }), "hidden_size is 1e+300, expected a number from 1 to 65536"],
    [vision({ hidden_size: 770.5 }), "hidden_size is 770.5, expected a whole number"],
    [vision({ num_attention_heads: 7 }), "hidden_size 768 does not divide into 7 heads"],
    [vision({ num_hidden_layers: 1e6 }), "num_hidden_layers is 1000000, expected a number from 1 to 1000"],
    [vision({ layer_norm_eps: -1 }), "layer_norm_eps is -1, expected a number from 0 to 1"],
    [vision({ hidden_act: "mish" }), 'hidden_act "mish" is not one of quick_gelu, gelu'],
    [vision({ hidden_act: "toString" }), 'hidden_act "toString" is not one of quick_gelu, gelu'],
    [vision({ image_size: [224, 256] }), "image_size is [224,256], expected a number or two that are equal"],
    [vision({ patch_size: 256 }), "patch_size 256 is larger than image_size 224"],
    [{ text_config: { vocab_size: 0 } }, "vocab_size is 0, expected a number from 1"],
    [
      { text_config: { max_position_embeddings: null, eos_token_id: -1 } },
      "eos_token_id is -1, expected a number from 0",
    ],
    [{ logit_scale_init_value: "big" }, 'logit_scale_init_value is "big", expected a number'],
    [JSON.parse('{"logit_scale_init_value": 1e999}'), "logit_scale_init_value is Infinity, expected a number"],
  ])("%j", (json, message) => {
    expect(() => clipConfig(json)).toThrow(CheckpointError);
    expect(() => clipConfig(json)).toThrow(message);
  });
});

describe("open_clip_config.json", () => {
  const published = (model: object = {}) => ({
    model_cfg: {
      embed_dim: 512,
      vision_cfg: { image_size: 224, layers: 12, width: 768, patch_size: 32 },
      text_cfg: { context_length: 77, vocab_size: 49408, width: 512, heads: 8, layers: 12 },
      ...model,
    },
    preprocess_cfg: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  });

  it("ViT-B-32: gelu unless quick_gelu is set, the end token is the largest id", () => {
    const { text, vision } = openClipConfig(published());
    expect(vision).toEqual({ ...DEFAULTS.vision, hidden_act: "gelu" });
    const padding = { isTokenizers: false, strip_sep_token: false };
    expect(text).toEqual({ ...DEFAULTS.text, hidden_act: "gelu", eos_token_id: 2, pool_type: "argmax", padding });
    expect(openClipConfig(published({ quick_gelu: true })).vision).toMatchObject({ hidden_act: "quickGelu" });
  });

  it("RN50x4: blocks of each stage, heads of 64 channels", () => {
    const vision_cfg = { image_size: 288, layers: [4, 6, 10, 6], width: 80, patch_size: null };
    expect(openClipConfig({ model_cfg: { vision_cfg, text_cfg: { width: 640, heads: 10 } } }).vision).toEqual({
      image_size: 288,
      layers: [4, 6, 10, 6],
      head_width: 64,
    });
    const three = { model_cfg: { vision_cfg: { ...vision_cfg, layers: [4, 6, 10] }, text_cfg: {} } };
    expect(() => openClipConfig(three)).toThrow(/expected the numbers of blocks of four stages/);
  });

  it("what is left out is as open_clip's classes have it", () => {
    const { text, vision } = openClipConfig({ model_cfg: { vision_cfg: {}, text_cfg: {} } });
    expect(vision).toMatchObject({ hidden_size: 768, num_hidden_layers: 12, num_attention_heads: 12, patch_size: 16 });
    expect(vision).toMatchObject({ image_size: 224, intermediate_size: 3072 });
    expect(text).toMatchObject({ hidden_size: 512, num_hidden_layers: 12, num_attention_heads: 8 });
  });

  it("head_width and mlp_ratio (ViT-H-14, ViT-g-14)", () => {
    const h = published({ vision_cfg: { image_size: 224, layers: 32, width: 1280, head_width: 80, patch_size: 14 } });
    expect(openClipConfig(h).vision).toMatchObject({ num_attention_heads: 16, intermediate_size: 5120 });
    const g = published({
      vision_cfg: { image_size: 224, layers: 40, width: 1408, head_width: 88, mlp_ratio: 4.3637, patch_size: 14 },
    });
    expect(openClipConfig(g).vision).toMatchObject({ num_attention_heads: 16, intermediate_size: 6144 });
  });

  it.each<[unknown, string]>([
    [{}, "model_cfg must be a JSON object, got nothing"],
    [{ model_cfg: {} }, "vision_cfg must be a JSON object, got nothing"],
    [published({ vision_cfg: { layers: [3, 4.5, 6, 3] } }), "expected the numbers of blocks of four stages"],
    [published({ vision_cfg: { layers: 12, width: "wide" } }), 'hidden_size is "wide", expected a number'],
    [published({ vision_cfg: { head_width: 0 } }), "num_attention_heads is Infinity, expected a number"],
    [published({ vision_cfg: { mlp_ratio: "4x" } }), "intermediate_size is NaN, expected a number"],
    [
      published({ vision_cfg: { timm_model_name: "convnext_base" } }),
      'vision_cfg has a timm_model_name "convnext_base": Clip reads open_clip\'s own Vision Transformers',
    ],
    [
      published({ text_cfg: { hf_model_name: "xlm-roberta-base" } }),
      'text_cfg has a hf_model_name "xlm-roberta-base": Clip reads open_clip\'s own text transformer',
    ],
  ])("%j", (json, message) => {
    expect(() => openClipConfig(json)).toThrow(CheckpointError);
    expect(() => openClipConfig(json)).toThrow(message);
    expect(() => openClipConfig(json)).toThrow(/^open_clip_config\.json|_cfg/);
  });
});

describe("keys of open_clip that are not read", () => {
  const published = (vision: object, text: object, model: object = {}) => ({
    model_cfg: { embed_dim: 512, vision_cfg: vision, text_cfg: text, ...model },
  });

  it.each<[unknown, string]>([
    [published({ attentional_pool: true }, {}), "vision_cfg has a attentional_pool true: CoCa's pooling is not read"],
    [published({ pool_type: "none" }, {}), 'vision_cfg has a pool_type "none": expected tok or avg'],
    [published({ norm_kwargs: { elementwise_affine: false } }, {}), "vision_cfg has a norm_kwargs"],
    [published({ act_kwargs: { inplace: true } }, {}), "vision_cfg has a act_kwargs"],
    [
      published({ act_kwargs: { approximate: "tanh" } }, {}, { quick_gelu: true }),
      "expected approximate, none or tanh",
    ],
    [published({ qk_norm: true }, {}), "vision_cfg has a qk_norm true: blocks of open_clip's default kind are read"],
    [published({ block_type: "custom" }, {}), 'vision_cfg has a block_type "custom"'],
    [published({ rope: true }, {}), "vision_cfg has a rope true: open_clip knows no such key"],
    [published({}, { embed_cls: true }), "text_cfg has a embed_cls true: CoCa's text tower is not read"],
    [published({}, { pool_type: "avg" }), 'text_cfg has a pool_type "avg": expected first, last, argmax or eos'],
    [published({}, { proj_type: "mlp" }), 'text_cfg has a proj_type "mlp": expected linear or none'],
    [published({}, { tokenizer_mode: "clips" }), 'text_cfg has a tokenizer_mode "clips"'],
    [published({}, { tokenizer_kwargs: { clean: "canonicalize" } }), "expected strip_sep_token alone"],
    [published({}, {}, { multimodal_cfg: {} }), "model_cfg has a multimodal_cfg {}: CoCa is not read"],
  ])("%j", (json, message) => {
    expect(() => openClipConfig(json)).toThrow(CheckpointError);
    expect(() => openClipConfig(json)).toThrow(message);
  });

  it("those that change nothing, or that are off, pass", () => {
    const vision = {
      patch_dropout: 0.5,
      timm_pool: "avg",
      qk_norm: false,
      attentional_pool: false,
      timm_model_name: null,
    };
    const text = { hf_proj_type: "mlp", output_tokens: true, pad_id: 1, embed_cls: false, no_causal_mask: false };
    const { vision: v, text: t } = openClipConfig(published(vision, text, { custom_text: true }));
    expect([v, t]).toEqual([openClipConfig(published({}, {})).vision, openClipConfig(published({}, {})).text]);
  });
});
