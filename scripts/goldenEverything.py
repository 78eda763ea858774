"""Makes test/golden/masks/tinySam.json and candidates.json: everything mode by segment-anything's own code.

    pip install torch torchvision safetensors pillow pycocotools opencv-python-headless
    pip install git+https://github.com/facebookresearch/segment-anything
    python scripts/goldenEverything.py

The weights of checkpoints/tiny-sam are renamed to the original names, and SamAutomaticMaskGenerator runs them on photos
of demos/photos. Its records are stored with COCO's RLE. The scores of tiny-sam are lower than those of the published
models, and so are the thresholds. candidates.json also holds, of one run, the masks that the network gave: with them
all that follows can be compared exactly.
"""

import json
import re
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from segment_anything import SamAutomaticMaskGenerator
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from segment_anything.utils.amg import calculate_stability_score, coco_encode_rle, mask_to_rle_pytorch

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "checkpoints" / "tiny-sam"
GOLDEN = ROOT / "test" / "golden" / "masks"

BASE = dict(points_per_side=16, pred_iou_thresh=0.35, stability_score_thresh=0.6, stability_score_offset=0.4)
CROPS = dict(BASE, crop_n_layers=1, crop_n_points_downscale_factor=2)
REGIONS = dict(BASE, min_mask_region_area=100)
COARSE = dict(BASE, points_per_side=8, stability_score_offset=1.0, stability_score_thresh=0.3)
RUNS = [("coffee.png", [CROPS, REGIONS, COARSE]), ("dog.jpg", [CROPS]), ("truck.jpg", [COARSE])]

POSITIONS = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
RENAMED = [
    (r"^shared_image_embedding\.positional_embedding$", POSITIONS),
    (r"^prompt_encoder\.shared_embedding\.positional_embedding$", POSITIONS),
    (r"^vision_encoder\.patch_embed\.projection", "image_encoder.patch_embed.proj"),
    (r"^vision_encoder\.layers\.", "image_encoder.blocks."),
    (r"^vision_encoder\.neck\.conv1", "image_encoder.neck.0"),
    (r"^vision_encoder\.neck\.layer_norm1", "image_encoder.neck.1"),
    (r"^vision_encoder\.neck\.conv2", "image_encoder.neck.2"),
    (r"^vision_encoder\.neck\.layer_norm2", "image_encoder.neck.3"),
    (r"^vision_encoder\.", "image_encoder."),
    (r"\.point_embed\.", ".point_embeddings."),
    (r"(?<!no_)mask_embed\.conv1", "mask_downscaling.0"),
    (r"(?<!no_)mask_embed\.layer_norm1", "mask_downscaling.1"),
    (r"(?<!no_)mask_embed\.conv2", "mask_downscaling.3"),
    (r"(?<!no_)mask_embed\.layer_norm2", "mask_downscaling.4"),
    (r"(?<!no_)mask_embed\.conv3", "mask_downscaling.6"),
    (r"upscale_conv1", "output_upscaling.0"),
    (r"upscale_layer_norm", "output_upscaling.1"),
    (r"upscale_conv2", "output_upscaling.3"),
    (r"layer_norm_final_attn", "norm_final_attn"),
    (r"\.layer_norm(\d)", r".norm\1"),
]
HEAD = re.compile(r"(output_hypernetworks_mlps\.\d+|iou_prediction_head)\.(proj_in|layers\.(\d+)|proj_out)\.")


def original_name(name, head_depth):
    def head(found):
        layer = {"proj_in": 0, "proj_out": head_depth - 1}.get(found[2])
        return f"{found[1]}.layers.{int(found[3]) + 1 if layer is None else layer}."

    if HEAD.search(name):
        return HEAD.sub(head, name)
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def build(config):
    vision, prompt, decoder = (config[f"{part}_config"] for part in ("vision", "prompt_encoder", "mask_decoder"))
    size, grid, channels = vision["image_size"], vision["image_size"] // vision["patch_size"], decoder["hidden_size"]
    encoder = ImageEncoderViT(
        img_size=size, patch_size=vision["patch_size"], depth=vision["num_hidden_layers"],
        embed_dim=vision["hidden_size"], num_heads=vision["num_attention_heads"],
        mlp_ratio=vision["mlp_dim"] / vision["hidden_size"], out_chans=vision["output_channels"],
        norm_layer=lambda width: torch.nn.LayerNorm(width, eps=1e-6), use_rel_pos=True,
        window_size=vision["window_size"], global_attn_indexes=vision["global_attn_indexes"],
    )  # fmt: skip
    transformer = TwoWayTransformer(
        depth=decoder["num_hidden_layers"], embedding_dim=channels, mlp_dim=decoder["mlp_dim"],
        num_heads=decoder["num_attention_heads"],
    )  # fmt: skip
    masks = MaskDecoder(
        transformer_dim=channels, transformer=transformer, iou_head_depth=decoder["iou_head_depth"],
        iou_head_hidden_dim=decoder["iou_head_hidden_dim"],
    )  # fmt: skip
    prompts = PromptEncoder(prompt["hidden_size"], (grid, grid), (size, size), prompt["mask_input_channels"])
    return Sam(encoder, prompts, masks)


def load():
    config = json.loads((MODEL / "config.json").read_text())
    depth = config["mask_decoder_config"]["iou_head_depth"]
    state = load_file(MODEL / "model.safetensors")
    model = build(config).eval()
    model.load_state_dict({original_name(name, depth): tensor.float() for name, tensor in state.items()})
    return model


class Recorder(SamAutomaticMaskGenerator):
    """Keeps the masks that pass the thresholds, of each batch of points, as they come from the network."""

    def _process_batch(self, points, im_size, crop_box, orig_size):
        coords = torch.as_tensor(self.predictor.transform.apply_coords(points, im_size))[:, None]
        logits, ious, _ = self.predictor.predict_torch(coords, torch.ones(len(points), 1), return_logits=True)
        logits, ious = logits.flatten(0, 1), ious.flatten()
        stability = calculate_stability_score(logits, 0.0, self.stability_score_offset)
        kept = torch.nonzero((ious > self.pred_iou_thresh) & (stability >= self.stability_score_thresh)).flatten()
        masks = [
            {
                "point": int(i) // 3,
                "counts": coco_encode_rle(mask_to_rle_pytorch(logits[i : i + 1] > 0)[0])["counts"],
                "predicted_iou": ious[i].item(),
                "stability_score": stability[i].item(),
            }
            for i in kept
        ]
        self.batches.append({"crop": list(crop_box), "points": points.tolist(), "masks": masks})
        return super()._process_batch(points, im_size, crop_box, orig_size)


def candidates(model):
    settings = dict(BASE, points_per_side=9, points_per_batch=32, crop_n_layers=1, crop_n_points_downscale_factor=2)
    settings |= dict(min_mask_region_area=100, box_nms_thresh=0.8)
    generator = Recorder(model, output_mode="coco_rle", **settings)
    generator.batches = []
    pixels = photo("coffee.png")
    records = generator.generate(pixels)
    return {"size": list(pixels.shape[:2]), "settings": settings, "batches": generator.batches, "records": records}


def photo(name):
    return np.array(Image.open(ROOT / "demos" / "photos" / name).convert("RGB"))


def rounded(record):
    scores = {name: float(f"{record[name]:.7g}") for name in ("predicted_iou", "stability_score")}
    return {**record, **scores, "segmentation": record["segmentation"]["counts"]}


def main():
    model = load()
    (GOLDEN / "candidates.json").write_text(json.dumps(candidates(model)) + "\n")
    photos = []
    for name, runs in RUNS:
        pixels = photo(name)
        made = []
        for settings in runs:
            records = SamAutomaticMaskGenerator(model, output_mode="coco_rle", **settings).generate(pixels)
            made.append({"settings": settings, "records": [rounded(record) for record in records]})
        photos.append({"image": name, "size": list(pixels.shape[:2]), "runs": made})
    (GOLDEN / "tinySam.json").write_text("[\n" + ",\n".join(map(json.dumps, photos)) + "\n]\n")


if __name__ == "__main__":
    main()
