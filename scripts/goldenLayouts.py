"""Makes test/golden/layouts.json: small checkpoints in the layouts of open_clip, timm and transformers, and what those
libraries compute with them.

    python scripts/goldenLayouts.py

Each case has the JSON files beside the weights, the manifest of seeded weights (see seeded.py) as rows [name, shape, mean,
scale], and expected outputs for a picture of seeded bytes and for TEXTS by the tokenizer of checkpoints/tiny-clip.
"floats" has every 8-bit float as PyTorch reads it.

The file in the repository came from torch 2.14.1, transformers 5.24.0, open_clip 3.3.0 and timm 1.0.31.
"""

import json
from pathlib import Path

import numpy as np
import open_clip
import timm
import torch
import transformers as tf

import seeded

ROOT = Path(__file__).resolve().parent.parent
TEXTS = ["a photo of a cat", "a dog on the grass, 2 trucks!"]
OPENAI_MEAN, OPENAI_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIDE, LARGER, CONTEXT, VOCABULARY = 32, 48, 16, 2050


def picture(side):
    """Bytes [side, side, 3]."""
    return np.floor(seeded.tensor("picture", [side, side, 3], 128, 128)).clip(0, 255).astype(np.uint8)


def pixels(mean, std, side=SIDE):
    x = torch.from_numpy(picture(side)).permute(2, 0, 1).float() / 255
    return ((x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)).unsqueeze(0)


def token_ids(pad):
    tokenizer = tf.AutoTokenizer.from_pretrained(ROOT / "checkpoints" / "tiny-clip")
    rows = [tokenizer(text)["input_ids"] for text in TEXTS]
    return torch.tensor([row + [pad] * (CONTEXT - len(row)) for row in rows])


def seed(model):
    """Gives the model seeded weights; returns the manifest's rows."""
    rows = seeded.manifest_of(model.state_dict())
    for row in rows:  # [in, out], as OpenAI stores projections
        if row["name"].endswith(("text_projection", "visual.proj")):
            row["scale"] = round((3.0 / row["shape"][0]) ** 0.5, 8)
        if row["name"].endswith("logit_bias"):
            row["mean"], row["scale"] = -10.0, 0.0
    model.load_state_dict({r["name"]: torch.from_numpy(seeded.tensor(**r)) for r in rows}, strict=False)
    model.eval()
    return rows


def compact(rows):
    return [[r["name"], r["shape"], r["mean"], r["scale"]] for r in rows]


def rounded(x):
    return [[float(f"{v:.6g}") for v in row] for row in x.tolist()]


# -------------------------------------------------------------------------------------------------------- open_clip
VISION = dict(image_size=SIDE, layers=2, width=32, head_width=16, patch_size=8)
TEXT = dict(context_length=CONTEXT, vocab_size=VOCABULARY, width=32, heads=2, layers=2)

CLIPA = dict(no_ln_pre=True, pool_type="avg", final_ln_after_pool=True)
OPEN_CLIP = {
    "layer scale": (dict(ls_init_value=1e-4), dict(ls_init_value=1e-4), {}),
    "mean of norms": (dict(pool_type="avg", image_size=[SIDE, SIDE]), dict(pool_type="first", no_causal_mask=True), {}),
    "CLIPA": (CLIPA, dict(pool_type="last", no_causal_mask=True), {}),
    "the last of a causal context": ({}, dict(pool_type="last"), {}),
    "an end token that is not the largest": ({}, dict(pool_type="eos", eos_id=320), {}),
    "eps, tanh, a projection with bias, a text tower apart": (
        dict(norm_kwargs={"eps": 0.1}, act_kwargs={"approximate": "tanh"}),
        dict(norm_kwargs={"eps": 0.05}, act_kwargs={"approximate": "tanh"}, proj_bias=True),
        dict(custom_text=True, init_logit_bias=-10),
    ),
    "no projection of texts": ({}, dict(proj_type="none"), dict(custom_text=True, embed_dim=32)),
}


@torch.no_grad()
def open_clip_case(name):
    vision, text, more = OPEN_CLIP[name]
    config = dict(dict(embed_dim=24, vision_cfg=VISION | vision, text_cfg=TEXT | text), **more)
    arguments = {k: v for k, v in config.items() if k != "custom_text"}
    kind = open_clip.model.CustomTextCLIP if config.get("custom_text") else open_clip.model.CLIP
    model = kind(**arguments)
    rows = seed(model)
    image = model.encode_image(pixels(OPENAI_MEAN, OPENAI_STD), normalize=True)
    texts = model.encode_text(token_ids(0), normalize=True)
    logits, _ = model.get_logits(pixels(OPENAI_MEAN, OPENAI_STD), token_ids(0))
    files = {"open_clip_config.json": {"model_cfg": config, "preprocess_cfg": {"mean": OPENAI_MEAN, "std": OPENAI_STD}}}
    expected = {"image": rounded(image), "texts": rounded(texts), "logits": rounded(logits)}
    return dict(name=f"open_clip: {name}", files=files, manifest=compact(rows), expected=expected)


# ------------------------------------------------------------------------------------------------------------- timm
TIMM = {
    "heads of 16": ("vit_small_patch16_224", {}),
    "CLIP's": ("vit_base_patch16_clip_224", {}),
    "CLIP's with quick gelu": ("vit_base_patch16_clip_quickgelu_224", {}),
    "DINOv2 with registers": ("vit_small_patch14_reg4_dinov2", {}),
    "registers with positions": ("vit_small_patch14_dinov2", dict(reg_tokens=2)),
    "DINOv2's giant, SwiGLU": ("vit_giant_patch14_dinov2", {}),
    "DeiT III, no position of the class token": ("deit3_small_patch16_224", {}),
    "no norm of the tokens": ("eva_large_patch14_196", {}),
    "relu": ("vit_small_patch16_224", dict(act_layer="relu")),
    "DINOv3": ("vit_small_patch16_dinov3", {}),
    "DINOv3 with biases": ("vit_small_patch16_dinov3_qkvb", {}),
    "DINOv3's huge, SwiGLU": ("vit_huge_plus_patch16_dinov3", {}),
    "DINOv3 with q, k and v apart": ("vit_small_patch16_dinov3_qkvb", dict(qkv_fused=False, rope_temperature=50)),
}


@torch.no_grad()
def timm_case(name):
    architecture, more = TIMM[name]
    sizes = dict(num_classes=0, img_size=SIDE, patch_size=8, embed_dim=32, depth=2, num_heads=2)
    model = timm.create_model(architecture, pretrained=False, **sizes, **more)
    rows = seed(model)
    tokens = model.forward_features(pixels(IMAGENET_MEAN, IMAGENET_STD))[0]
    patches = tokens[model.num_prefix_tokens :]
    model.set_input_size(img_size=LARGER)  # resizes the positions
    larger = model.forward_features(pixels(IMAGENET_MEAN, IMAGENET_STD, LARGER))[0]
    pretrained = dict(input_size=[3, SIDE, SIDE], crop_pct=1.0, interpolation="bicubic", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    config = dict(architecture=architecture, num_classes=0, model_args=sizes | more, pretrained_cfg=pretrained)
    expected = {"cls": rounded(tokens[:1]), "larger": rounded(larger[:1]), "last": rounded(patches[-1:]), "mean": rounded(patches.mean(0, keepdim=True))}
    return dict(name=f"timm: {name}", files={"config.json": config}, manifest=compact(rows), expected=expected)


# ----------------------------------------------------------------------------------------------------- transformers
def clip_tower(**more):
    return dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, projection_dim=24, **more)


def clip_files(config, processor=True):
    size = {"height": SIDE, "width": SIDE}
    sizes = dict(image_processor_type="CLIPImageProcessor", size=size, crop_size=size, image_mean=OPENAI_MEAN, image_std=OPENAI_STD)
    files = {"config.json": json.loads(config.to_json_string(use_diff=False))}
    return files | ({"preprocessor_config.json": sizes} if processor else {})


@torch.no_grad()
def clip_vision_case():
    model = tf.CLIPVisionModel(tf.CLIPVisionConfig(**clip_tower(image_size=SIDE, patch_size=8)))
    rows = seed(model)
    out = model(pixels(OPENAI_MEAN, OPENAI_STD), output_hidden_states=True)
    expected = {
        "image": rounded(out.pooler_output),
        "states": [rounded(state[:, :2, :].flatten(1)) for state in out.hidden_states],
        "patches": rounded(out.last_hidden_state[:, -1, :]),
    }
    return dict(name="transformers: CLIPVisionModel", files=clip_files(model.config), manifest=compact(rows), expected=expected)


@torch.no_grad()
def clip_text_case():
    words = dict(vocab_size=VOCABULARY, max_position_embeddings=CONTEXT, bos_token_id=2048, eos_token_id=2049)
    model = tf.CLIPTextModel(tf.CLIPTextConfig(**clip_tower(**words)))
    rows = seed(model)
    out = model(token_ids(2049), output_hidden_states=True)
    expected = {
        "texts": rounded(out.pooler_output),
        "states": [rounded(state[:, -1, :]) for state in out.hidden_states],
        "last": rounded(out.last_hidden_state[:, -1, :]),
    }
    return dict(name="transformers: CLIPTextModel", files=clip_files(model.config, False), manifest=compact(rows), expected=expected)


# --------------------------------------------------------------------------------------------------- LoRA, 8 bits
@torch.no_grad()
def adapted_case():
    """W + alpha / r * B * A, as huggingface/peft merges it (tuners/lora/layer.py, get_delta_weight), in one layer."""
    model = tf.CLIPVisionModel(tf.CLIPVisionConfig(**clip_tower(image_size=SIDE, patch_size=8)))
    rows = seed(model)
    state = model.state_dict()
    pairs = [dict(name=f"layer.lora_{which}", shape=shape, mean=0.0, scale=0.5) for which, shape in (("A", [4, 32]), ("B", [32, 4]))]
    a, b = (torch.from_numpy(seeded.tensor(**row)) for row in pairs)
    name = next(name for name in state if name.endswith("layers.1.self_attn.v_proj.weight"))
    state[name] += 6 / 4 * b @ a
    model.load_state_dict(state)
    image = model(pixels(OPENAI_MEAN, OPENAI_STD)).pooler_output
    expected = {"image": rounded(image)}
    more = dict(adapts=name, alpha=6, lora=compact(pairs))
    return dict(name="transformers: LoRA", files=clip_files(model.config), manifest=compact(rows), expected=expected, **more)


def eight_bits():
    codes = torch.arange(256, dtype=torch.uint8)
    values = lambda dtype: [None if v != v else ("inf" if v > 1e30 else "-inf" if v < -1e30 else v) for v in codes.view(dtype).float().tolist()]
    return {"F8_E4M3": values(torch.float8_e4m3fn), "F8_E5M2": values(torch.float8_e5m2)}


def main():
    cases = [*map(open_clip_case, OPEN_CLIP), *map(timm_case, TIMM), clip_vision_case(), clip_text_case(), adapted_case()]
    text = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    floats = json.dumps(eight_bits(), separators=(",", ":"))
    path = ROOT / "test" / "golden" / "layouts.json"
    path.write_text(f'{{"texts":{json.dumps(TEXTS)},\n"floats":{floats},\n"cases":[\n{text}\n]}}\n')


if __name__ == "__main__":
    main()
