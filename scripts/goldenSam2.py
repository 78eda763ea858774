"""Makes the goldens of SAM 2.1 in test/golden, as golden.py makes the others.

    pip install torch torchvision transformers safetensors pillow
    python scripts/goldenSam2.py CASE... | all [--out test/golden]

small-sam2     a checkpoint in the Hub's layout with a manifest of seeded.py's weights: pixels, the maps of Hiera's stages
               and of the neck, what the decoder takes of a picture, and masks, scores and object scores of every kind of
               prompt. Windows of 6 and 3 reach beyond maps of 16 and 8
small-sam2-whole-windows
               the same where windows divide the maps, and a block that attends to all of its map opens a stage

sam2.1-hiera-tiny*
               config.json and the manifest of the real size, of a checkpoint for videos; and the manifest of the
               same under the names of facebookresearch/sam2, whose package and hydra-core that takes, with what its
               code gives for sin(0.01 i) as pixels: the embedding and the masks of a point, at some places of each;
               and for a video of two frames, by a formula, the mask of a click and that of the frame after it

The files in the repository came from torch 2.13.0, torchvision 0.28.0 and transformers 5.24.0.
"""

import argparse
from pathlib import Path

import torch
import transformers as tf

import seeded
from golden import GOLDEN, IMAGENET_MEAN, IMAGENET_STD, checkpoint, save_golden, write_manifest
from goldenSam import EVERY, cases_of, photo, prompts_of

PROMPT_POSITIONS = "prompt_encoder.shared_embedding.positional_embedding"


def one_matrix(rows):
    """Published files have the matrix of positions under the names of two modules; here it is under one."""
    return [row for row in rows if row["name"] != PROMPT_POSITIONS]


def sam2_model(folder, model, rows_of=one_matrix):
    """The model with seeded weights, with the same matrix of positions in both modules that have it."""
    model = checkpoint(folder, model, rows_of)
    model.prompt_encoder.shared_embedding.positional_embedding = model.shared_image_embedding.positional_embedding
    return model


def processor_of(size):
    square = lambda side: {"height": side, "width": side}
    return tf.Sam2ImageProcessor(size=square(size), mask_size=square(size // 4))


def pixels_of(processor, image):
    """Of the processor's bytes, each step rounded as golden.ts rounds it: torchvision's backend normalises in one step."""
    pixels = processor(image, return_tensors="pt")["pixel_values"]
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_STD))
    exact = (((pixels * std + mean) * 255).round() / 255 - mean) / std
    assert torch.allclose(exact, pixels, atol=1e-5)
    return exact


@torch.no_grad()
def sam2(folder, config, photo_name):
    model = sam2_model(folder, tf.Sam2Model(config))
    size = config.prompt_encoder_config.image_size
    processor = processor_of(size)
    processor.save_pretrained(folder)
    image = photo(photo_name)
    w, h = image.size
    pixels = pixels_of(processor, image)
    stages = model.vision_encoder.backbone(pixels).intermediate_hidden_states
    golden = encoded(model, pixels, image, stages) | prompted(model, pixels, image)
    masks = golden["point.low_res_masks"]
    full = processor.post_process_masks(masks, [[h, w]], binarize=False)[0]
    golden["point.masks_area"] = (full[0] > 0).sum(dim=(-1, -2)).to(torch.int32)
    save_golden(golden, folder, IMAGENET_MEAN, IMAGENET_STD)


def encoded(model, pixels, image, stages):
    """A picture, the maps of the backbone's stages [B, H, W, C] and of the neck, and the embedding."""
    w, h = image.size
    levels, _ = model.vision_encoder.neck(stages)
    golden = {"pixel_values": pixels, "original_size": torch.tensor([h, w], dtype=torch.int32)}
    golden |= {f"stage.{i}": x for i, x in enumerate(stages)}
    golden["level.1"] = levels[-2].permute(0, 2, 3, 1)  # the first is seen in skip.0, the third in image_embeddings
    return golden | {"image_embeddings": model.get_image_embeddings(pixels)[-1]}


def prompted(model, pixels, image):
    """What else the decoder takes of a picture, and what it makes of prompts of every kind."""
    w, h = image.size
    size = model.config.prompt_encoder_config.image_size
    maps = model.get_image_embeddings(pixels)
    golden = {f"skip.{i}": maps[i].permute(0, 2, 3, 1) for i in range(2)}
    points, box, batch = prompts_of(w, h)
    golden |= {"prompt.points_xy": torch.tensor(points), "prompt.box_xyxy": torch.tensor(box)}
    golden["prompt.batch_xy"] = torch.tensor(batch)
    for kind, (prompt, multimask) in (cases_of(w, h, [size, size]) | mask_cases(size // 4, w, h, size)).items():
        o = model(image_embeddings=maps, multimask_output=multimask, **prompt)
        golden |= {f"{kind}.low_res_masks": o.pred_masks, f"{kind}.iou_scores": o.iou_scores}
        golden[f"{kind}.object_score_logits"] = o.object_score_logits
        if "input_masks" in prompt:
            golden[f"{kind}.input_mask"] = prompt["input_masks"]
    return golden


def mask_cases(low, w, h, size):
    """A disc as logits, alone and with a point."""
    y, x = torch.meshgrid(torch.arange(low), torch.arange(low), indexing="ij")
    mask = (low / 4 - ((x - low * 0.45) ** 2 + (y - low * 0.4) ** 2).sqrt()).clamp(-8, 8)[None, None]
    point, _ = cases_of(w, h, [size, size])["point"]
    return {"mask": (dict(input_masks=mask), False), "mask+point": (dict(input_masks=mask, **point), False)}


# The threshold of stability lies between what the prompts of one mask have, so that some choose another mask.
def small(image, widths, blocks, heads, windows, global_at, background, fpn, decoder_heads, threshold, **more):
    """Arguments of Sam2Config, and of Sam2VideoConfig."""
    backbone = dict(hidden_size=widths[0], image_size=[image, image], blocks_per_stage=blocks)
    backbone |= dict(embed_dim_per_stage=widths, num_attention_heads=heads[0], num_attention_heads_per_stage=heads)
    backbone |= dict(window_size_per_stage=windows, global_attention_blocks=global_at)
    backbone |= dict(window_positional_embedding_background_size=background)
    vision = dict(backbone_config=backbone | dict(model_type="sam2_hiera_det_model"), fpn_hidden_size=fpn)
    vision |= dict(backbone_channel_list=widths[::-1])
    vision |= dict(backbone_feature_sizes=[[image // n, image // n] for n in (4, 8, 16)])
    prompt = dict(hidden_size=fpn, image_size=image)
    decoder = dict(hidden_size=fpn, iou_head_hidden_dim=fpn, num_attention_heads=decoder_heads, mlp_dim=2 * fpn)
    decoder |= dict(dynamic_multimask_stability_thresh=threshold)
    return dict(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder, **more)


SMALL = small(256, [16, 32, 64, 128], [1, 2, 3, 2], [1, 2, 4, 8], [8, 4, 6, 3], [4], [7, 7], 32, 2, 0.954)


def pattern(frame, size):
    """A frame of a video: bytes that any language makes alike, as pixel values."""
    y, x, c = torch.meshgrid(torch.arange(size), torch.arange(size), torch.arange(3), indexing="ij")
    data = ((x // 5) * 7 + (y // 3) * 11 + c * 50 + frame * 20) % 256
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_STD))
    return (data.permute(2, 0, 1)[None] / 255 - mean) / std


@torch.no_grad()
def original_steps(model):
    """As SAM2VideoPredictor tracks, with memories in float32."""
    model.binarize_mask_from_pts_for_mem_enc = True
    click = dict(point_coords=torch.tensor([[[700.0, 520.0]]]), point_labels=torch.ones(1, 1, dtype=torch.int32))
    done = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    golden = {}
    for frame, points in enumerate((click, None)):
        _, features, codes, sizes = model._prepare_backbone_features(model.forward_image(pattern(frame, model.image_size)))
        out = model.track_step(
            frame_idx=frame,
            is_init_cond_frame=frame == 0,
            current_vision_feats=features,
            current_vision_pos_embeds=codes,
            feat_sizes=sizes,
            point_inputs=points,
            mask_inputs=None,
            output_dict=done,
            num_frames=2,
        )
        done["cond_frame_outputs" if frame == 0 else "non_cond_frame_outputs"][frame] = out
        golden[f"video.{frame}.logits"] = out["pred_masks"][0, 0, ::EVERY, ::EVERY]
        golden[f"video.{frame}.score"] = out["object_score_logits"].reshape(1)
    return golden


def small_sam2(out):
    sam2(out / "small-sam2", tf.Sam2Config(**SMALL), "astronaut.png")


def small_sam2_whole_windows(out):
    sizes = small(128, [24, 48, 96, 192], [1, 1, 2, 1], [2, 4, 8, 16], [8, 4, 4, 2], [3], [5, 5], 64, 4, 0.82)
    sam2(out / "small-sam2-whole-windows", tf.Sam2Config(**sizes), "coffee.png")


def hiera_tiny(out):
    """Meta's sizes, all of them the classes' defaults."""
    folder = out / "sam2.1-hiera-tiny"
    folder.mkdir(parents=True, exist_ok=True)
    model = tf.Sam2VideoModel(tf.Sam2VideoConfig())
    model.config.save_pretrained(folder)
    write_manifest(one_matrix(seeded.manifest_of(dict(sorted(model.state_dict().items())))), folder)


def hiera_tiny_original(out):
    from hydra import compose, initialize_config_module
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    folder = out / "sam2.1-hiera-tiny-original"
    folder.mkdir(parents=True, exist_ok=True)
    with initialize_config_module("sam2"):
        config = compose("configs/sam2.1/sam2.1_hiera_t.yaml")
    OmegaConf.resolve(config)
    model = instantiate(config.model).eval()
    rows = seeded.manifest_of(dict(sorted(model.state_dict().items())))
    for row in rows:
        if row["name"] == "sam_mask_decoder.pred_obj_score_head.layers.2.bias":
            row["mean"], row["scale"] = 1.0, 0.0  # objects are there
        if row["name"].startswith("sam_mask_decoder.") and row["name"].endswith("_proj.weight"):
            row["scale"] = round((3.0 / row["shape"][1]) ** 0.5, 8)  # not magnifying: see expected.py
    write_manifest(rows, folder)
    state = {r["name"]: torch.from_numpy(seeded.tensor(r["name"], r["shape"], r["mean"], r["scale"])) for r in rows}
    model.load_state_dict(state)
    size = model.image_size
    pixels = torch.sin(torch.arange(3 * size * size, dtype=torch.float64) * 0.01).float().view(1, 3, size, size)
    golden = original_outputs(model, pixels, torch.tensor([[[480.0, 360.0]]]))
    save_golden(golden | original_steps(model), folder)


@torch.no_grad()
def original_outputs(model, pixels, point):
    """As SAM2ImagePredictor computes them, every EVERY-th row and column."""
    _, features, _, sizes = model._prepare_backbone_features(model.forward_image(pixels))
    features[-1] = features[-1] + model.no_mem_embed
    s0, s1, embedding = [x.permute(1, 2, 0).view(1, -1, *size) for x, size in zip(features, sizes)]
    labels = torch.ones(1, 1, dtype=torch.int32)
    sparse, dense = model.sam_prompt_encoder(points=(point, labels), boxes=None, masks=None)
    masks, scores, _, object_scores = model.sam_mask_decoder(
        image_embeddings=embedding,
        image_pe=model.sam_prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=True,
        repeat_image=False,
        high_res_features=[s0, s1],
    )
    some = lambda x: x[..., ::EVERY, ::EVERY]
    golden = {"image_embeddings": some(embedding), "low_res_masks": some(masks), "iou_scores": scores}
    return golden | {"object_score_logits": object_scores}


CASES = {
    "sam2.1-hiera-tiny": hiera_tiny,
    "sam2.1-hiera-tiny-original": hiera_tiny_original,
    "small-sam2": small_sam2,
    "small-sam2-whole-windows": small_sam2_whole_windows,
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
