"""Makes the seeded checkpoints of checkpoints/, which ship without weights and which `webgpu-vision verify` runs.

    pip install torch torchvision transformers safetensors pillow timm open_clip_torch
    pip install git+https://github.com/ChaoningZhang/MobileSAM
    python scripts/expected.py CASE... | all [--out checkpoints]

seeded-clip-resnet    CLIP with a ResNet by open_clip, as small as golden.py's
seeded-dino-resnet    a ResNet by transformers, as small as golden.py's
seeded-edgetam        EdgeTAM by transformers and timm, as small as goldenEdgeTam.py's
seeded-mobile-sam     MobileSAM by its original code, at its real size
seeded-sam2           SAM 2.1 by transformers, as small as goldenSam2.py's

Each has the configuration of its kind, manifest.json, which says how seeded.py makes the weights, and expected.json:
inputs by formula, and the first numbers of each output in float32 on the CPU, in the form of the trained checkpoints.
"""

import argparse
import json
from pathlib import Path

import torch
import transformers as tf

import goldenEdgeTam
from golden import (
    ROOT,
    SMALL_CLIP_RESNET,
    SMALL_DINO_RESNET,
    checkpoint,
    dino_processor,
    open_clip_model,
    synthetic_ids,
)
from goldenSam import mobile_rows, mobile_sam_model
from goldenSam2 import SMALL, processor_of, sam2_model


def sine(*shape, step=0.01):
    """sin(step i), i the flat row-major index."""
    i = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return torch.sin(i * step).float().view(*shape)


def first(x, n=16):
    return [float(f"{value:.7g}") for value in x.flatten()[:n].tolist()]


def summary(x):
    return {"shape": list(x.shape), "first": first(x), "mean": float(x.mean()), "std": float(x.std())}


def write_expected(folder, made_with, pixels, outputs):
    formula = {"shape": list(pixels.shape), "formula": "sin(i*0.01), i = flat row-major index"}
    made_with = f"{made_with}, float32, from seeded weights"
    text = json.dumps({"made_with": made_with, "pixel_values": formula, **outputs}, indent=2)
    (folder / "expected.json").write_text(text + "\n")


@torch.no_grad()
def clip_resnet(folder):
    _, vision, text = SMALL_CLIP_RESNET
    model = open_clip_model(folder, *SMALL_CLIP_RESNET)
    pixels = sine(1, 3, vision["image_size"], vision["image_size"])
    ids = synthetic_ids(text["vocab_size"], text["context_length"], pad=0)
    image, texts = model.encode_image(pixels, normalize=True), model.encode_text(ids, normalize=True)
    outputs = {
        "input_ids": ids.tolist(),
        "image_embeds": summary(image),
        "text_embeds": [summary(x) for x in texts],
        "logits_per_image": summary(model.logit_scale.exp() * image @ texts.T),
    }
    write_expected(folder, "open_clip", pixels, outputs)


@torch.no_grad()
def dino_resnet(folder):
    model = checkpoint(folder, tf.ResNetModel(tf.ResNetConfig(**SMALL_DINO_RESNET)))
    dino_processor(64, 64).save_pretrained(folder)
    pixels = sine(1, 3, 96, 64)
    o = model(pixels)
    outputs = {"last_hidden_state": summary(o.last_hidden_state), "pooler_output": summary(o.pooler_output)}
    write_expected(folder, "transformers", pixels, outputs)


def even_mobile_rows(state):
    """mobile_rows, but with projections of about unit size. The cross attentions' names have "_token" in them, and
    mobile_rows gives them the spread of tokens: softmax then turns the rounding of f16 into errors of some percent."""
    rows = mobile_rows(state)
    for row in rows:
        if row["name"].startswith("mask_decoder.") and row["name"].endswith("_proj.weight"):
            row["scale"] = round((3.0 / row["shape"][1]) ** 0.5, 8)
    return rows


@torch.no_grad()
def mobile_sam(folder):
    model = mobile_sam_model(folder, even_mobile_rows)
    side = model.image_encoder.img_size
    pixels = sine(1, 3, side, side)
    embeddings = model.image_encoder(pixels)
    point, box = torch.tensor([[[480.0, 360.0]]]), torch.tensor([[120.0, 160.0, 800.0, 720.0]])
    points = (point, torch.ones(1, 1, dtype=torch.int64))
    mask = 8 * sine(1, 1, side // 4, side // 4, step=0.02)
    prompts = {
        "one_point": dict(points=points, boxes=None, masks=None),
        "box": dict(points=None, boxes=box, masks=None),
        "point_and_mask": dict(points=points, boxes=None, masks=mask),
    }
    outputs = {}
    for name, prompt in prompts.items():
        sparse, dense = model.prompt_encoder(**prompt)
        masks, scores = model.mask_decoder(
            image_embeddings=embeddings,
            image_pe=model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
        outputs[name] = {"iou_scores": first(scores), "pred_masks": summary(masks[None])}
    inputs = {
        "input_points": [point.tolist()],
        "input_boxes": [box.tolist()],
        "input_masks": {"shape": list(mask.shape), "formula": "8*sin(i*0.02)"},
    }
    results = {"image_embeddings": summary(embeddings), "outputs": outputs}
    write_expected(folder, "MobileSAM's original code", pixels, inputs | results)


def sam2(folder):
    of_pictures(folder, sam2_model(folder, tf.Sam2Model(tf.Sam2Config(**SMALL))))


def edgetam(folder):
    sizes = goldenEdgeTam.small(256, "repvit_m1", [32, 48, 64, 96], [1, 1, 2, 1], 64, 4, 0.9)
    model = tf.EdgeTamModel(tf.EdgeTamConfig(**sizes))
    of_pictures(folder, sam2_model(folder, model, goldenEdgeTam.even_rows))


@torch.no_grad()
def of_pictures(folder, model):
    side = model.config.prompt_encoder_config.image_size
    processor_of(side).save_pretrained(folder)
    pixels = sine(1, 3, side, side)
    embeddings = model.get_image_embeddings(pixels)
    point, box = torch.tensor([[[[120.0, 90.0]]]]), torch.tensor([[[30.0, 40.0, 200.0, 180.0]]])
    mask = 8 * sine(1, 1, side // 4, side // 4, step=0.02)
    prompts = {
        "one_point": dict(input_points=point),
        "box": dict(input_boxes=box),
        "point_and_mask": dict(input_points=point, input_masks=mask),
    }
    outputs = {}
    for name, prompt in prompts.items():
        o = model(image_embeddings=embeddings, multimask_output=True, **prompt)
        outputs[name] = {"iou_scores": first(o.iou_scores), "pred_masks": summary(o.pred_masks)}
    inputs = {
        "input_points": point.tolist(),
        "input_boxes": box.tolist(),
        "input_masks": {"shape": list(mask.shape), "formula": "8*sin(i*0.02)"},
    }
    results = {"image_embeddings": summary(embeddings[-1]), "outputs": outputs}
    write_expected(folder, "transformers", pixels, inputs | results)


CASES = {
    "seeded-clip-resnet": clip_resnet,
    "seeded-dino-resnet": dino_resnet,
    "seeded-edgetam": edgetam,
    "seeded-mobile-sam": mobile_sam,
    "seeded-sam2": sam2,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", choices=[*CASES, "all"])
    parser.add_argument("--out", type=Path, default=ROOT / "checkpoints")
    options = parser.parse_args()
    torch.set_num_threads(2)
    for case in CASES if "all" in options.cases else options.cases:
        CASES[case](options.out / case)
        print(case, flush=True)
