"""Makes the goldens of EdgeTAM in test/golden, as goldenSam2.py and goldenSam2Video.py make those of SAM 2.1.

    pip install torch torchvision transformers timm safetensors pillow
    python scripts/goldenEdgeTam.py CASE... | all [--out test/golden]

small-edgetam    a checkpoint for videos in the Hub's layout with a manifest of seeded.py's weights, and the settings that
                 the published one has. On pictures: pixels, the maps of RepViT's stages and of the neck, what the
                 decoder takes, and masks and scores of every kind of prompt. On videos: what the perceiver and the memory
                 attention give for inputs of seeded.py, and the logits and object scores of two objects over 12 frames
small-edgetam-repvit-m0-9
                 a checkpoint for pictures with the other kind of RepViT's blocks, and a size that no window divides
edgetam          config.json and the manifest of the real size, with what the model gives for sin(0.01 i) as pixels: the
                 embedding and the masks of a point, at some places of each; and for a video of two frames, by a formula,
                 the mask of a click and that of the frame after it

The files in the repository came from torch 2.13.0, torchvision 0.28.0, transformers 5.24.0 and timm 1.0.31.
"""

import argparse
from pathlib import Path

import torch
import transformers as tf

import seeded
from golden import GOLDEN, IMAGENET_MEAN, IMAGENET_STD, save_golden
from goldenSam import EVERY, photo
from goldenSam2 import encoded, one_matrix, pattern, pixels_of, processor_of, prompted, sam2_model
from goldenSam2Video import OBJECT_BIAS, SIDE, Object, frames, tracked, values_of

# Published: facebook/EdgeTAM and yonigozlan/EdgeTAM-hf.
VIDEO = dict(enable_temporal_pos_encoding_for_object_pointers=False, enable_occlusion_spatial_embedding=False)
LATENTS, LATENTS_2D = 5, 16
BIAS = -0.3
MEMORY = 2


def backbone(architecture, **sizes):
    args = dict(in_chans=3, features_only=True, out_indices=[0, 1, 2, 3], **sizes)
    return dict(model_type="timm_wrapper", architecture=architecture, model_args=args, num_classes=2)


def small(image, architecture, widths, depths, fpn, heads, threshold, **more):
    """Arguments of EdgeTamConfig, and of EdgeTamVideoConfig."""
    vision = dict(model_type="edgetam_vision_model", fpn_hidden_size=fpn, backbone_channel_list=widths[::-1])
    vision |= dict(backbone_config=backbone(architecture, embed_dim=widths, depth=depths))
    vision |= dict(backbone_feature_sizes=[[image // n, image // n] for n in (4, 8, 16)])
    prompt = dict(hidden_size=fpn, image_size=image)
    decoder = dict(hidden_size=fpn, iou_head_hidden_dim=fpn, num_attention_heads=heads, mlp_dim=2 * fpn)
    decoder |= dict(dynamic_multimask_stability_thresh=threshold)
    return dict(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder, **more)


def small_video():
    side = SIDE // 16
    memory = dict(memory_attention_hidden_size=128, memory_attention_mlp_hidden_size=256, memory_attention_num_layers=2)
    memory |= dict(memory_attention_rope_feat_sizes=[side, side], memory_attention_rope_k_sizes=[4, 4])
    memory |= dict(perceiver_resampler_num_latents=LATENTS, perceiver_resampler_num_latents_2d=LATENTS_2D)
    memory |= dict(perceiver_resampler_mlp_intermediate_size=128, image_size=SIDE)
    memory |= dict(memory_encoder_hidden_size=128, mask_downsampler_embed_dim=128, memory_fuser_embed_dim=128)
    memory |= dict(memory_fuser_intermediate_dim=256)
    sizes = small(SIDE, "repvit_m1", [16, 32, 48, 64], [1, 2, 3, 1], 128, 4, 0.82)
    return tf.EdgeTamVideoConfig(**sizes, **memory, **VIDEO)


def even_rows(rows, object_bias=BIAS, memory=MEMORY):
    """As goldenSam2Video.py's, with a bias of its own; and what is remembered weighs more, so that masks tell of it."""
    rows = one_matrix(rows)
    for row in rows:
        if row["name"].endswith("_proj.weight"):
            is_memory = any(part in row["name"] for part in ("cross_attn_image.", "cross_attention."))
            is_memory &= row["name"].endswith(("v_proj.weight", "o_proj.weight"))
            row["scale"] = round((memory if is_memory else 1) * (3.0 / row["shape"][1]) ** 0.5, 8)
        if row["name"] == OBJECT_BIAS:
            row["mean"], row["scale"] = object_bias, 0.0
    return rows


def of_pictures(config, state):
    """The model for pictures with the weights of one for videos."""
    model = tf.EdgeTamModel(config).eval()
    missing, _ = model.load_state_dict(state, strict=False)
    assert not missing, missing
    return model


@torch.no_grad()
def picture(model, photo_name, has_masks=True):
    size = model.config.prompt_encoder_config.image_size
    image = photo(photo_name)
    pixels = pixels_of(processor_of(size), image)
    stages = [x.permute(0, 2, 3, 1) for x in model.vision_encoder.backbone(pixels).last_hidden_state]
    golden = encoded(model, pixels, image, stages)
    return golden | prompted(model, pixels, image) if has_masks else golden


@torch.no_grad()
def modules(model):
    """What the modules give for inputs of seeded.py, channels last."""
    value = lambda name, *shape: torch.from_numpy(seeded.tensor(name, list(shape), 0.0, 1.0))
    C, M, side, pointers, looks = 128, 64, SIDE // 16, 6, 2
    N, rows = side * side, LATENTS + LATENTS_2D
    memory = value("encoded", 1, side, side, M).permute(0, 3, 1, 2)
    _, code = model.memory_encoder(torch.zeros(1, C, side, side), torch.zeros(1, 1, SIDE, SIDE))
    latents, positions = model.spatial_perceiver(memory, code)
    place = model.vision_encoder.neck.position_encoding(torch.Size([1, C, side, side]), "cpu", torch.float32)
    attended = model.memory_attention(
        value("features", N, 1, C),
        value("memory", looks * rows + pointers, 1, M),
        place.flatten(2).permute(2, 0, 1),
        value("positions", looks * rows + pointers, 1, M),
        num_object_pointer_tokens=pointers,
        num_spatial_memory_tokens=looks,
    )
    return {"attention": attended.reshape(1, N, C), "latents": latents, "latents.positions": positions}


def small_edgetam(out):
    folder = out / "small-edgetam"
    torch.manual_seed(0)
    model = sam2_model(folder, tf.EdgeTamVideoModel(small_video()), even_rows)
    processor_of(SIDE).save_pretrained(folder)
    image_config = tf.EdgeTamConfig(**{k: v for k, v in small_video().to_dict().items() if k.endswith("_config")})
    golden = picture(of_pictures(image_config, model.state_dict()), "astronaut.png")
    steps = tracked(model, values_of(frames()))
    for name, score in steps.items():
        if name.endswith("score"):
            print(name, f"{score.item():.3f}", f"{(steps[name.replace('score', 'logits')] > 0).float().mean():.3f}")
    save_golden(golden | steps | modules(model), folder, IMAGENET_MEAN, IMAGENET_STD)


def small_repvit_m0_9(out):
    folder = out / "small-edgetam-repvit-m0-9"
    sizes = small(160, "repvit_m0_9", [8, 24, 32, 40], [2, 1, 2, 1], 64, 2, 0.9)
    model = sam2_model(folder, tf.EdgeTamModel(tf.EdgeTamConfig(**sizes)))
    processor_of(160).save_pretrained(folder)
    save_golden(picture(model, "coffee.png", has_masks=False), folder, IMAGENET_MEAN, IMAGENET_STD)


# RepViT's maps grow to millions with these weights; features of that size would leave nothing of what is remembered.
NECK = {"vision_encoder.neck.convs.0.weight": 1e7, "vision_encoder.neck.convs.1.weight": 1e6}


def real_rows(rows):
    rows = even_rows(rows, 0.5, memory=6)
    for row in rows:
        row["scale"] = float(f"{row['scale'] / NECK.get(row['name'], 1):.8g}")
    return rows


@torch.no_grad()
def real_size(out):
    folder = out / "edgetam"
    folder.mkdir(parents=True, exist_ok=True)
    vision = dict(model_type="edgetam_vision_model", backbone_config=backbone("repvit_m1"))
    config = tf.EdgeTamVideoConfig(vision_config=vision, **VIDEO)
    model = sam2_model(folder, tf.EdgeTamVideoModel(config), real_rows)
    image = of_pictures(tf.EdgeTamConfig(vision_config=vision), model.state_dict())
    size = image.config.prompt_encoder_config.image_size
    pixels = torch.sin(torch.arange(3 * size * size, dtype=torch.float64) * 0.01).float().view(1, 3, size, size)
    embeddings = image.get_image_embeddings(pixels)
    o = image(image_embeddings=embeddings, multimask_output=True, input_points=torch.tensor([[[[480.0, 360.0]]]]))
    some = lambda x: x[..., ::EVERY, ::EVERY]
    golden = {"image_embeddings": some(embeddings[-1]), "low_res_masks": some(o.pred_masks)}
    golden |= {"iou_scores": o.iou_scores, "object_score_logits": o.object_score_logits}
    save_golden(golden | two_frames(model, size), folder)


def two_frames(model, size):
    """A click's mask, and that of the next frame, which looks at the memory of the first: at some places of each."""
    video = torch.cat([pattern(frame, size) for frame in range(2)])

    def steps(x, y):
        seen = Object(model, video, size)
        first = seen.prompt(0, input_points=[[[[x, y]]]], input_labels=[[[1]]])
        return {0: first} | dict(seen.propagate(1))

    golden, found, other = {}, steps(700.0, 520.0), steps(200.0, 300.0)
    for frame, (logits, score) in found.items():
        golden |= {f"video.{frame}.logits": logits[::EVERY, ::EVERY], f"video.{frame}.score": score}
        share = ((logits - other[frame][0]).abs().max() / logits.abs().max()).item()
        print(f"frame {frame}: object score {score.item():.3f}, {(logits > 0).float().mean():.3f} of it is the object")
        assert share > 0.01, f"another click changes {share} of frame {frame}: what is remembered is not seen in it"
    return golden


CASES = {"edgetam": real_size, "small-edgetam": small_edgetam, "small-edgetam-repvit-m0-9": small_repvit_m0_9}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", choices=[*CASES, "all"])
    parser.add_argument("--out", type=Path, default=GOLDEN)
    options = parser.parse_args()
    torch.set_num_threads(2)
    for case in CASES if "all" in options.cases else options.cases:
        CASES[case](options.out)
        print(case, flush=True)
