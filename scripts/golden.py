"""Makes test/golden: the outputs of PyTorch, transformers and Pillow that the tests compare with.

    python -m venv .venv && . .venv/bin/activate
    pip install torch torchvision transformers safetensors pillow open_clip_torch
    python scripts/golden.py CASE... | all [--out test/golden]

small-clip, small-clip-gelu   a checkpoint in the Hub's layout, but for its weights: manifest.json says how seeded.py makes
                              them; and golden.safetensors: inputs, some intermediate activations and outputs, in float32
                              on the CPU. Pixel values are kept as the bytes that they come from (pixel_bytes)
small-dino*                   DINO's ViTs and a ResNet the same way, from chelsea.png at several sizes
clip-vit-base-patch32         the same for the real size, with every fourth token of the activations
dino-*, dinov2-*, dinov3-*    real sizes with outputs only, at sizes beyond the first every fourth token; all have the
                              pixels of dino-pixels
dino-pixels                   their pixel values
*-clip-resnet*                CLIP with OpenAI's ResNet by open_clip; the real size with outputs only, its pixel values
                              being those of clip-vit-base-patch32
tokens                        clip-tokens.json: the ids of its texts by transformers' CLIPTokenizerFast
pictures                      small pictures of every kind, and in expected.json their pixels as Pillow reads them

The files in the repository came from torch 2.14.1, transformers 5.23.0 and Pillow 13.0.0. Other versions may change the
last bits of an activation, and the bytes of a compressed picture.
"""

import argparse
import base64
import gzip
import json
import shutil
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import torch
import transformers as tf
from PIL import Image, ImageOps
from safetensors.torch import load_file, save_file

import seeded

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "test" / "golden"
PHOTOS = ROOT / "demos" / "photos"

OPENAI_MEAN, OPENAI_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


# ------------------------------------------------------------------------------------------------------ checkpoints
def checkpoint(folder, model, choose=lambda rows: rows):
    """Writes config and the manifest of seeded weights, of the rows that `choose` leaves; returns the model with them."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as tmp:
        model.save_pretrained(tmp)
        model.config.save_pretrained(folder)  # after the line above, which adds the architecture and the type
        state = load_file(Path(tmp) / "model.safetensors")
        rows = choose(seeded.manifest_of(dict(sorted(state.items()))))
        seeded.write(rows, Path(tmp) / "model.safetensors")
        write_manifest(rows, folder)
        options = {} if isinstance(model, tf.ResNetModel) else dict(attn_implementation="eager")
        if isinstance(model, tf.ViTModel):
            options |= dict(add_pooling_layer=False)
        return type(model).from_pretrained(tmp, dtype=torch.float32, **options).eval()


def write_manifest(rows, folder):
    (folder / "manifest.json").write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")


def save_golden(golden, folder, mean=None, std=None):
    """`mean` and `std` are those of the pixel values in it."""
    has_pixels = any("pixel_values" in k for k in golden)
    metadata = {"pixel_mean": json.dumps(mean), "pixel_std": json.dumps(std)} if has_pixels else None
    tensors = {k: pixel_bytes(x, mean, std) if "pixel_values" in k else x for k, x in golden.items()}
    tensors = {k: x.detach().contiguous().clone() for k, x in tensors.items()}
    save_file(tensors, folder / "golden.safetensors", metadata)


def pixel_bytes(values, mean, std):
    """The picture's bytes [B, 3, H, W], of which golden.ts makes these pixel values again, to the last bit."""
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (mean, std))
    data = ((values * std + mean) * 255).round().to(torch.uint8)
    assert torch.equal((data / 255 - mean) / std, values)
    return data


def every_fourth_row(x):
    """Of all but the last dimension, as [n, C]."""
    return x.reshape(-1, x.shape[-1])[::4]


def synthetic_ids(vocab, length, pad):
    """Three texts of 3 to `length` tokens: start, random tokens, end; the rest is filled up with `pad`."""
    rng = np.random.default_rng(7)
    ids = np.full((3, length), pad)
    for row, n in zip(ids, (2, length // 2, length - 1)):
        row[0], row[n] = vocab - 2, vocab - 1
        row[1:n] = rng.integers(0, vocab - 2, n - 1)
    return torch.from_numpy(ids)


TEXTS = ["a photo of a cat", "A cup of coffee, on a table!", "rocket"]
TEXTS += ["find all images that look like a red saree with gold border", ""]


def clip_ids():
    """The real tokenizer's ids of TEXTS, filled up to 77."""
    with tempfile.TemporaryDirectory() as tmp:
        tokenizer = clip_tokenizer(Path(tmp))
        return tokenizer(TEXTS, padding="max_length", max_length=77, truncation=True, return_tensors="pt")["input_ids"]


@torch.no_grad()
def clip(folder, vision, text, projection, ids=None, is_real=False):
    size = vision.get("image_size", 224)
    config = tf.CLIPConfig(vision_config=vision, text_config=text, projection_dim=projection)
    model = checkpoint(folder, tf.CLIPModel(config))
    processor = tf.CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    processor.save_pretrained(folder)
    photos = [Image.open(PHOTOS / name).convert("RGB") for name in ("chelsea.png", "coffee.png")]
    pixels = processor(photos, return_tensors="pt")["pixel_values"]
    v = model.vision_model(pixels, output_hidden_states=True)
    image_embeds = model.visual_projection(v.pooler_output)
    if ids is None:
        ids = synthetic_ids(text["vocab_size"], text["max_position_embeddings"], pad=text["vocab_size"] - 1)
    t = model.text_model(ids, output_hidden_states=True)
    text_embeds = model.text_projection(t.pooler_output)
    unit = lambda x: x / x.norm(dim=-1, keepdim=True)
    golden = {
        "pixel_values": pixels,
        "vision.hidden.0": v.hidden_states[0],
        "vision.hidden.1": v.hidden_states[1],
        "vision.hidden.last": v.hidden_states[-1],
        "image_embeds": image_embeds,
        "input_ids": ids.to(torch.int32),
        "text.hidden.0": t.hidden_states[0],
        "text.hidden.1": t.hidden_states[1],
        "text_embeds": text_embeds,
        "logits_per_image": model.logit_scale.exp() * unit(image_embeds) @ unit(text_embeds).T,
    }
    if is_real:
        del golden["text.hidden.0"]
        golden = {k: every_fourth_row(x) if ".hidden." in k else x for k, x in golden.items()}
    save_golden(golden, folder, OPENAI_MEAN, OPENAI_STD)


def tower(width, layers, heads, mlp, **more):
    return dict(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=mlp, **more)


def small_clip(out):
    vision = tower(64, 3, 4, 256, image_size=48, patch_size=8)
    text = tower(48, 3, 3, 192, vocab_size=600, max_position_embeddings=20, bos_token_id=598, eos_token_id=599)
    clip(out / "small-clip", vision, text, projection=40)


def small_clip_gelu(out):
    """Exact gelu, patches of 14, and the historic eos_token_id 2, which means the largest id."""
    vision = tower(96, 2, 2, 160, image_size=70, patch_size=14, hidden_act="gelu")
    text = tower(
        64, 2, 4, 256, vocab_size=600, max_position_embeddings=77, hidden_act="gelu", bos_token_id=0, eos_token_id=2
    )
    clip(out / "small-clip-gelu", vision, text, projection=64)


def clip_vit_base_patch32(out):
    """OpenAI's sizes, all of them the classes' defaults."""
    folder = out / "clip-vit-base-patch32"
    clip(folder, {}, dict(bos_token_id=0, eos_token_id=2), 512, clip_ids(), is_real=True)


# ------------------------------------------------------------------------------------------- CLIP with a ResNet
def open_clip_rows(state):
    """The manifest of OpenAI's names: text_projection is [in, out]; the pooling's positions are added to a mean."""
    rows = seeded.manifest_of(state)
    for row in rows:
        if row["name"] == "text_projection":
            row["scale"] = round((3.0 / row["shape"][0]) ** 0.5, 8)
        if row["name"] == "visual.attnpool.positional_embedding":
            row["scale"] = 0.1
    return rows


def open_clip_model(folder, embed_dim, vision, text):
    """Writes the configuration as open_clip's repositories on the Hub have it, and the manifest of seeded weights;
    returns the model with these weights."""
    import open_clip

    folder.mkdir(parents=True, exist_ok=True)
    model = open_clip.model.CLIP(embed_dim, vision, text, quick_gelu=True).eval()
    rows = open_clip_rows(model.state_dict())
    write_manifest(rows, folder)
    model.load_state_dict({r["name"]: torch.from_numpy(seeded.tensor(**r)) for r in rows}, strict=False)
    config = dict(embed_dim=embed_dim, quick_gelu=True, vision_cfg=vision, text_cfg=text)
    json_text = json.dumps({"model_cfg": config, "preprocess_cfg": {"mean": OPENAI_MEAN, "std": OPENAI_STD}}, indent=2)
    (folder / "open_clip_config.json").write_text(json_text + "\n")
    return model


@torch.no_grad()
def clip_resnet(folder, embed_dim, vision, text, outputs_only=False):
    import open_clip
    from open_clip.transform import image_transform

    model = open_clip_model(folder, embed_dim, vision, text)
    to_pixels = image_transform(vision["image_size"], is_train=False, mean=OPENAI_MEAN, std=OPENAI_STD)
    photos = [Image.open(PHOTOS / name).convert("RGB") for name in ("chelsea.png", "coffee.png")]
    pixels = torch.stack([to_pixels(photo) for photo in photos])
    length, vocab = text["context_length"], text["vocab_size"]
    ids = open_clip.tokenize(TEXTS, length) if vocab == 49408 else synthetic_ids(vocab, length, pad=0)
    golden = {
        "image_embeds": model.encode_image(pixels),
        "text_embeds": model.encode_text(ids),
        "input_ids": ids.to(torch.int32),
    }
    if not outputs_only:
        stem = model.visual.stem(pixels)
        layer1 = model.visual.layer1(stem)
        layer4 = model.visual.layer4(model.visual.layer3(model.visual.layer2(layer1)))
        unit = lambda x: x / x.norm(dim=-1, keepdim=True)
        logits = model.logit_scale.exp() * unit(golden["image_embeds"]) @ unit(golden["text_embeds"]).T
        golden |= {"pixel_values": pixels, "vision.stem": stem, "vision.layer1": layer1, "vision.layer4": layer4}
        golden["logits_per_image"] = logits
    save_golden(golden, folder, OPENAI_MEAN, OPENAI_STD)


SMALL_CLIP_RESNET = (
    48,
    dict(layers=[2, 1, 1, 2], width=16, image_size=64),
    dict(context_length=20, vocab_size=600, width=48, heads=3, layers=2),
)


def small_clip_resnet(out):
    clip_resnet(out / "small-clip-resnet", *SMALL_CLIP_RESNET)


def clip_resnet50(out):
    vision = dict(layers=[3, 4, 6, 3], width=64, image_size=224)
    text = dict(context_length=77, vocab_size=49408, width=512, heads=8, layers=12)
    clip_resnet(out / "clip-resnet50", 1024, vision, text, outputs_only=True)


# ------------------------------------------------------------------------------------------------------------- dino
def dino_processor(height, width):
    size, mean, std = {"height": height, "width": width}, list(IMAGENET_MEAN), list(IMAGENET_STD)
    return tf.ViTImageProcessorPil(size=size, image_mean=mean, image_std=std, resample=2)


def dino_pixels(height, width):
    photo = Image.open(PHOTOS / "chelsea.png").convert("RGB")
    return dino_processor(height, width)(photo, return_tensors="pt")["pixel_values"]


@torch.no_grad()
def dino(folder, model, sizes, outputs_only=False):
    """sizes: (height, width); the first is what preprocessor_config.json makes."""
    model = checkpoint(folder, model)
    dino_processor(*sizes[0]).save_pretrained(folder)
    is_resnet = isinstance(model, tf.ResNetModel)
    golden = {}
    for height, width in sizes:
        pixels = dino_pixels(height, width)
        options = {"interpolate_pos_encoding": True} if isinstance(model, tf.ViTModel) else {}
        if not is_resnet:
            options |= {"output_attentions": True}
        o = model(pixels, output_hidden_states=True, **options)
        tensors = {
            "pixel_values": pixels,
            "hidden.0": o.hidden_states[0],
            "hidden.1": o.hidden_states[1],
            "last_hidden_state": o.last_hidden_state,
            "pooler_output": o.pooler_output,
        }
        if outputs_only:
            kept = ("last_hidden_state", "pooler_output") if is_resnet else ("last_hidden_state",)
            tensors = {name: tensors[name] for name in kept}
            if (height, width) != sizes[0]:
                tokens = tensors["last_hidden_state"]
                tokens = tokens.permute(0, 2, 3, 1) if is_resnet else tokens
                tensors["last_hidden_state"] = every_fourth_row(tokens)
        if not is_resnet:
            tensors["attentions.last.cls"] = o.attentions[-1][:, :, 0, :]  # [1, heads, tokens]: the class token's row
        golden |= {f"{height}x{width}.{name}": x for name, x in tensors.items() if x is not None}
    save_golden(golden, folder, IMAGENET_MEAN, IMAGENET_STD)


def dino_v1(name, sizes, outputs_only=False, **config):
    make = lambda: tf.ViTModel(tf.ViTConfig(**config), add_pooling_layer=False)
    return lambda out: dino(out / name, make(), sizes, outputs_only)


SMALL_DINO_RESNET = dict(embedding_size=16, hidden_sizes=[32, 64, 96, 128], depths=[2, 1, 2, 1])


def dino_resnet(out):
    model = tf.ResNetModel(tf.ResNetConfig(**SMALL_DINO_RESNET))
    dino(out / "small-dino-resnet", model, [(64, 64), (97, 65)])


def dino_v2(name, sizes, layers, kind=tf.Dinov2Model, config=tf.Dinov2Config, **more):
    sizes_of = dict(hidden_size=96, num_hidden_layers=layers, num_attention_heads=3, mlp_ratio=4)
    return lambda out: dino(out / name, kind(config(**sizes_of, image_size=70, patch_size=14, **more)), sizes)


def dino_v3(out):
    config = tf.DINOv3ViTConfig(**tower(96, 3, 3, 384, image_size=64, patch_size=16, num_register_tokens=4))
    dino(out / "small-dinov3", tf.DINOv3ViTModel(config), [(64, 64), (96, 80)])


DINO = {
    "small-dino": dino_v1(
        "small-dino", [(64, 64), (96, 48), (80, 128)], **tower(96, 3, 3, 384, image_size=64, patch_size=16)
    ),
    "small-dino-p8": dino_v1(
        "small-dino-p8", [(56, 56), (120, 88)], **tower(64, 2, 2, 256, image_size=56, patch_size=8)
    ),
    "small-dinov2": dino_v2("small-dinov2", [(70, 70), (98, 56)], 3),
    "small-dinov2-swiglu": dino_v2("small-dinov2-swiglu", [(70, 70)], 2, use_swiglu_ffn=True),
    "small-dinov2-registers": dino_v2(
        "small-dinov2-registers",
        [(70, 70), (98, 56)],
        2,
        tf.Dinov2WithRegistersModel,
        tf.Dinov2WithRegistersConfig,
        num_register_tokens=4,
    ),
    "small-dinov3": dino_v3,
    "small-dino-resnet": dino_resnet,
}


# ------------------------------------------------------------------------------------------- dino at its real sizes
def dino_resnet50(out):
    dino(out / "dino-resnet50", tf.ResNetModel(tf.ResNetConfig()), FULL_SIZES, outputs_only=True)


def dinov2_small(out):
    sizes_of = dict(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, image_size=518, patch_size=14)
    dino(out / "dinov2-small", tf.Dinov2Model(tf.Dinov2Config(**sizes_of)), FULL_SIZES[:1], outputs_only=True)


def dinov3_vits16(out):
    config = tf.DINOv3ViTConfig(num_register_tokens=4)
    dino(out / "dinov3-vits16", tf.DINOv3ViTModel(config), FULL_SIZES[:1], outputs_only=True)


def all_dino_pixels(out):
    folder = out / "dino-pixels"
    folder.mkdir(parents=True, exist_ok=True)
    pixels = {f"{height}x{width}.pixel_values": dino_pixels(height, width) for height, width in FULL_SIZES}
    save_golden(pixels, folder, IMAGENET_MEAN, IMAGENET_STD)


FULL_SIZES = [(224, 224), (256, 320)]
VIT_S, VIT_B = tower(384, 12, 6, 1536), tower(768, 12, 12, 3072)
FULL_DINO = {
    "dino-pixels": all_dino_pixels,
    "dino-vits16": dino_v1("dino-vits16", FULL_SIZES, True, **VIT_S),
    "dino-vits8": dino_v1("dino-vits8", FULL_SIZES[:1], True, **VIT_S, patch_size=8),
    "dino-vitb16": dino_v1("dino-vitb16", FULL_SIZES[:1], True, **VIT_B),
    "dino-resnet50": dino_resnet50,
    "dinov2-small": dinov2_small,
    "dinov3-vits16": dinov3_vits16,
}


# ----------------------------------------------------------------------------------------------------------- tokens
def clip_tokenizer(tmp):
    packed = GOLDEN / "clip-tokenizer" / "tokenizer.json.gz"
    (tmp / "tokenizer.json").write_bytes(gzip.decompress(packed.read_bytes()))
    shutil.copy(GOLDEN / "clip-tokenizer" / "tokenizer_config.json", tmp)
    return tf.CLIPTokenizerFast.from_pretrained(tmp)


def tokens(out):
    with tempfile.TemporaryDirectory() as tmp:
        tokenizer = clip_tokenizer(Path(tmp))
    rows = []
    for row in json.loads((GOLDEN / "clip-tokens.json").read_text()):
        text = row["text"]
        truncated = tokenizer(text, truncation=True, max_length=77)["input_ids"]
        rows.append({"text": text, "ids": tokenizer(text)["input_ids"], "ids77": truncated})
    out.mkdir(parents=True, exist_ok=True)
    (out / "clip-tokens.json").write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")


# --------------------------------------------------------------------------------------------------------- pictures
def png16(pixels):
    """A PNG of 16 bits a channel, which Pillow reads but does not write."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunk = lambda tag, data: struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pictures(out):
    folder = out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[0:13, 0:18]
    rgb = np.stack([x * 14 % 256, y * 19 % 256, (x * 7 + y * 11) % 256], -1).astype(np.uint8)
    rgba = np.concatenate([rgb, (x * y)[..., None].astype(np.uint8)], -1)
    image = Image.fromarray(rgb)
    translucent = Image.fromarray(rgba)
    save = lambda picture, name, **options: picture.save(folder / name, **options)
    save(image, "rgb.png")
    save(image.convert("L"), "grey.png")
    save(image.convert("1"), "bilevel.png")
    save(image.quantize(16), "palette.png", transparency=3)
    save(translucent, "alpha.png")
    save(Image.fromarray(rgba[..., [0, 3]].copy(), "LA"), "greyAlpha.png")
    save(translucent, "alpha.webp", lossless=True, exact=True)
    save(image, "animated.gif", save_all=True, append_images=[image.rotate(180)])
    save(image, "rgb.tiff", compression="tiff_lzw")
    save(image, "chroma420.jpg", quality=85)
    save(image, "progressive.jpg", quality=85, subsampling=0, progressive=True)
    save(image.convert("L"), "grey.jpg")
    save(image.convert("CMYK"), "cmyk.jpg")
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        save(image, f"orientation{orientation}.jpg", quality=95, subsampling=0, exif=exif)
    (folder / "rgb16.png").write_bytes(png16((rgb.astype(np.uint16) << 8) + (x * y)[..., None].astype(np.uint16)))
    expected = {}
    for path in sorted(folder.iterdir()):
        if path.name == "expected.json":
            continue
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        pixels = base64.b64encode(upright.tobytes()).decode()
        expected[path.name] = {"width": upright.width, "height": upright.height, "rgb": pixels}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


CASES = {
    "small-clip": small_clip,
    "small-clip-gelu": small_clip_gelu,
    "clip-vit-base-patch32": clip_vit_base_patch32,
    "small-clip-resnet": small_clip_resnet,
    "clip-resnet50": clip_resnet50,
    **DINO,
    **FULL_DINO,
    "tokens": tokens,
    "pictures": pictures,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", choices=[*CASES, "all"])
    parser.add_argument("--out", type=Path, default=GOLDEN)
    options = parser.parse_args()
    torch.set_num_threads(2)
    for case in CASES if "all" in options.cases else options.cases:
        CASES[case](options.out)
        print(case, flush=True)
