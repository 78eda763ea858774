"""Makes the goldens of SAM in test/golden, as golden.py makes the others.

    pip install torch torchvision transformers safetensors pillow timm git+https://github.com/ChaoningZhang/MobileSAM
    python scripts/goldenSam.py CASE... | all [--out test/golden]

small-sam*     a checkpoint in the Hub's layout with a manifest of seeded.py's weights; pixels, layers, the embedding, and masks
               and scores of every kind of prompt, from the upper part of a photo
sam-vit-base   the same for the real size: the embedding, masks and scores, at some places of each
mobile-sam     MobileSAM by its original code: every stage of TinyViT for seeded pixels of 256 x
               256, and masks at a point and in a box of the photo at the real size
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import transformers as tf
from PIL import Image
from safetensors.torch import save_file

import seeded
from golden import GOLDEN, IMAGENET_MEAN, IMAGENET_STD, PHOTOS, checkpoint, save_golden, write_manifest

EVERY = 8  # places of which one is kept of what a real model gives


def photo(name):
    """The upper part, so that it is not square and padding matters."""
    image = Image.open(PHOTOS / name).convert("RGB")
    return image.crop((0, 0, image.width, int(image.height * 0.7)))


def prompts_of(w, h):
    """Prompts in pixels of a photo of w x h."""
    points = [(w * 0.45, h * 0.3), (w * 0.1, h * 0.1), (w * 0.6, h * 0.8)]
    batch = [(w * 0.45, h * 0.3), (w * 0.9, h * 0.9), (w * 0.2, h * 0.7)]
    return points, (w * 0.2, h * 0.1, w * 0.8, h * 0.9), batch


def cases_of(w, h, cut):
    """Arguments of SamModel for each kind of prompt, and whether three masks are wanted. cut: the resized [h, w]."""
    points, box, batch = prompts_of(w, h)
    scale = (cut[1] / w, cut[0] / h)
    to = lambda prompts: torch.tensor([[[[x * scale[0], y * scale[1]] for x, y in p] for p in prompts]])
    corners = torch.tensor([[[c * scale[i % 2] for i, c in enumerate(box)]]])
    point = dict(input_points=to([points[:1]]), input_labels=torch.tensor([[[1]]]))
    several = dict(input_points=to([points]), input_labels=torch.tensor([[[1, 0, 1]]]))
    each = dict(input_points=to([[p] for p in batch]), input_labels=torch.tensor([[[1], [1], [0]]]))
    return {
        "point": (point, True),
        "point.single": (point, False),
        "points": (several, True),
        "box": (dict(input_boxes=corners), False),
        "box+point": (dict(input_boxes=corners, **point), True),
        "batch": (each, True),
    }


@torch.no_grad()
def sam(folder, config, photo_name, keep, is_real=False):
    """keep: the kinds of prompts whose outputs are kept."""
    model = checkpoint(folder, tf.SamModel(config))
    vision = model.config.vision_config
    size, low = vision.image_size, 4 * (vision.image_size // vision.patch_size)
    square = lambda side: {"height": side, "width": side}
    processor = tf.SamImageProcessorPil(
        size={"longest_edge": size},
        pad_size=square(size),
        mask_size={"longest_edge": low},
        mask_pad_size=square(low),
    )
    processor.save_pretrained(folder)
    image = photo(photo_name)
    w, h = image.size
    x = processor(image, return_tensors="pt")
    cut = x["reshaped_input_sizes"][0]
    v = model.vision_encoder(x["pixel_values"], output_hidden_states=True)
    embeddings = v.last_hidden_state
    golden = {"original_size": torch.tensor([h, w], dtype=torch.int32), "reshaped_size": cut.to(torch.int32)}
    points, box, batch = prompts_of(w, h)
    golden |= {"prompt.points_xy": torch.tensor(points), "prompt.box_xyxy": torch.tensor(box)}
    if "batch" in keep:
        golden["prompt.batch_xy"] = torch.tensor(batch)
    for kind, (prompt, multimask) in cases_of(w, h, cut.tolist()).items():
        if kind in keep:
            o = model(image_embeddings=embeddings, multimask_output=multimask, **prompt)
            golden |= {f"{kind}.low_res_masks": o.pred_masks, f"{kind}.iou_scores": o.iou_scores}
    masks = golden["point.low_res_masks"]
    full = processor.post_process_masks(masks.reshape(1, 1, 3, low, low), [[h, w]], [cut.tolist()], binarize=False)[0]
    golden["point.masks_area"] = (full[0] > 0).sum(dim=(-1, -2)).to(torch.int32)
    if is_real:
        golden = {k: x[..., ::EVERY, ::EVERY] if "masks" in k and x.ndim > 1 else x for k, x in golden.items()}
        golden["image_embeddings"] = embeddings[..., ::EVERY, ::EVERY]
    else:
        best = int(golden["point.iou_scores"][0, 0].argmax())
        mask = masks[:, 0, best : best + 1]
        prompt, _ = cases_of(w, h, cut.tolist())["point"]
        o = model(image_embeddings=embeddings, input_masks=mask, multimask_output=False, **prompt)
        golden |= {
            "mask+point.input_mask": mask,
            "mask+point.low_res_masks": o.pred_masks,
            "mask+point.iou_scores": o.iou_scores,
            "pixel_values": x["pixel_values"][..., : int(cut[0]), : int(cut[1])],  # beyond are zeros
            "vision.hidden.0": v.hidden_states[0],
            "vision.hidden.1": v.hidden_states[1],
            "vision.hidden.last": v.hidden_states[-1],
            "image_embeddings": embeddings,
        }
    save_golden(golden, folder, IMAGENET_MEAN, IMAGENET_STD)


def small(width, layers, heads, image, patch, window, global_at, out, decoder_heads, decoder_mlp):
    vision = dict(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, mlp_dim=4 * width)
    vision |= dict(image_size=image, patch_size=patch, window_size=window, global_attn_indexes=global_at)
    vision |= dict(output_channels=out, num_pos_feats=out // 2)
    decoder = dict(hidden_size=out, iou_head_hidden_dim=out, num_attention_heads=decoder_heads, mlp_dim=decoder_mlp)
    prompt = dict(hidden_size=out, image_size=image, patch_size=patch)
    return tf.SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)


KINDS = ("point", "point.single", "points", "box", "box+point", "batch")


def small_sam(out):
    """Windows of 7 on a map of 16, so that they reach beyond it."""
    sam(out / "small-sam", small(64, 4, 4, 256, 16, 7, [1, 3], 64, 4, 128), "astronaut.png", KINDS)


def small_sam_whole_windows(out):
    config = small(96, 2, 2, 128, 8, 8, [1], 32, 2, 64)
    sam(out / "small-sam-whole-windows", config, "coffee.png", KINDS)


def sam_vit_base(out):
    """Facebook's sizes, all of them the classes' defaults."""
    sam(out / "sam-vit-base", tf.SamConfig(), "astronaut.png", KINDS, is_real=True)


# ------------------------------------------------------------------------------------------------------- MobileSAM
def mobile_rows(state):
    rows = seeded.manifest_of({k: v for k, v in state.items() if not k.endswith("attention_bias_idxs")})
    rows = [row for row in rows if not row["name"].startswith("pixel_")]
    for row in rows:
        if row["name"].endswith("attention_biases"):
            row["mean"], row["scale"] = 0.0, 0.5
    return rows


def mobile_sam_model(folder, rows_of=mobile_rows):
    """Writes the manifest of seeded weights, which rows_of makes of the state dict; returns the original model with these weights."""
    from mobile_sam import sam_model_registry

    folder.mkdir(parents=True, exist_ok=True)
    model = sam_model_registry["vit_t"](checkpoint=None)
    rows = rows_of(model.state_dict())
    write_manifest(rows, folder)
    state = {r["name"]: torch.from_numpy(seeded.tensor(r["name"], r["shape"], r["mean"], r["scale"])) for r in rows}
    model.load_state_dict(model.state_dict() | state)
    return model.eval()  # only now, as this is when it looks up its attention biases


@torch.no_grad()
def mobile_sam(out):
    from mobile_sam import SamPredictor
    from mobile_sam.modeling.tiny_vit_sam import TinyViT

    folder = out / "mobile-sam"
    model = mobile_sam_model(folder)
    save_golden(mobile_stages(TinyViT, model.state_dict()), folder)
    save_file(mobile_predictions(SamPredictor(model)), folder / "predictions.safetensors")


def mobile_predictions(predictor, every=4):
    """Masks at a point and in a box of the photo, in its pixels."""
    image = photo("astronaut.png")
    w, h = image.size
    predictor.set_image(np.array(image))
    points, box, _ = prompts_of(w, h)
    golden = {"original_size": torch.tensor([h, w], dtype=torch.int32)}
    golden |= {"point_xy": torch.tensor(points[:1]), "box_xyxy": torch.tensor(box)}
    point = dict(point_coords=np.array(points[:1]), point_labels=np.array([1]), multimask_output=True)
    for kind, prompt in {"point": point, "box": dict(box=np.array(box), multimask_output=False)}.items():
        masks, scores, low = predictor.predict(**prompt)
        golden[f"{kind}.low_res_masks"] = torch.from_numpy(low)[..., ::every, ::every].contiguous()
        golden[f"{kind}.iou_scores"] = torch.from_numpy(scores)
        golden[f"{kind}.masks_area"] = torch.from_numpy(masks.sum(axis=(1, 2)).astype(np.int32))
    return golden


def mobile_stages(TinyViT, state):
    """8 by 8 places of what every stage gives for seeded pixels of 256 x 256, channels last."""
    side = 256
    sizes = dict(embed_dims=[64, 128, 160, 320], depths=[2, 2, 6, 2], num_heads=[2, 4, 5, 10])
    encoder = TinyViT(img_size=side, window_sizes=[7, 7, 14, 7], drop_path_rate=0.0, layer_lr_decay=0.8, **sizes)
    prefix = "image_encoder."
    own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    encoder.load_state_dict(encoder.state_dict() | own)
    encoder.eval()
    x = encoder.patch_embed(torch.from_numpy(seeded.tensor("pixels", [1, 3, side, side], 0.0, 2.0)))
    golden = {"stage.0": x.permute(0, 2, 3, 1)}
    for i, layer in enumerate(encoder.layers):
        x = layer(x)
        places = int(x.shape[1] ** 0.5)
        golden[f"stage.{i + 1}"] = x.view(1, places, places, -1)
    embedding = encoder.neck(golden[f"stage.{len(encoder.layers)}"].permute(0, 3, 1, 2))
    golden["image_embeddings"] = embedding.permute(0, 2, 3, 1)
    return {k: x[:, :: x.shape[1] // 8, :: x.shape[2] // 8] for k, x in golden.items()}


CASES = {
    "small-sam": small_sam,
    "small-sam-whole-windows": small_sam_whole_windows,
    "sam-vit-base": sam_vit_base,
    "mobile-sam": mobile_sam,
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
