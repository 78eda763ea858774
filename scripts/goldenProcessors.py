"""Writes test/golden/processors.json: what the image processors of transformers, open_clip and timm make of pictures.

    pip install torch torchvision transformers open_clip_torch timm pillow && python scripts/goldenProcessors.py

Pictures are made by a formula (test/models/processors.test.ts has it too). Of each result there are the size, the mean
and a few values, as steps of the picture's bytes: (value * std + mean) / rescale_factor. Whole steps are "b" and base64
of bytes, others "w" and that of 16-bit words in units of 1/64.
"""

import base64
import json
import tempfile
from pathlib import Path

import numpy
import timm
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict
from PIL import Image
from timm.data import create_transform, resolve_data_config
from timm.models._hub import load_model_config_from_path
from transformers import AutoImageProcessor

ROOT = Path(__file__).resolve().parent.parent
# height, width
SHAPES = [
    (1, 1), (1, 300), (300, 1), (2, 3000), (3000, 2), (37, 53), (53, 37), (64, 64), (65, 64), (64, 67),
    (200, 134), (134, 200), (63, 99), (5, 7), (40, 40), (100, 41), (17, 250), (250, 17), (33, 32), (128, 96),
]  # fmt: skip
MOST_PIXELS = 1 << 18  # of a result; larger ones say nothing more

CLIP, VIT, BIT = [f"{name}ImageProcessor" for name in ("CLIP", "ViT", "Bit")]
DINOV3, SAM = "DINOv3ViTImageProcessorFast", "SamImageProcessor"
CROP = {"do_center_crop": True, "crop_size": {"height": 31, "width": 40}}

# Settings of preprocessor_config.json, and the config.json beside it where that decides.
TRANSFORMERS = {
    **{
        f"{name}, defaults": {"image_processor_type": f"{name}ImageProcessor"}
        for name in ("CLIP", "ViT", "DeiT", "Bit", "DINOv3ViT", "Blip", "Siglip", "ConvNext")
    },
    "CLIP, old": {"feature_extractor_type": "CLIPFeatureExtractor", "size": 40, "crop_size": 40, "resample": 3},
    "CLIP, null is no crop": {"image_processor_type": f"{CLIP}Fast", "size": 20, "do_center_crop": None},
    "CLIP, null is no resize": {"image_processor_type": CLIP, "do_resize": None, "resample": None, "crop_size": 31},
    "ViT, null is no square": {"image_processor_type": VIT, "size": 20, "default_to_square": None, "do_pad": None},
    "CLIP, no crop": {"image_processor_type": CLIP, "size": {"shortest_edge": 20}, "do_center_crop": False},
    "CLIP, square": {"image_processor_type": CLIP, "size": {"height": 30, "width": 41}, "do_center_crop": False},
    "CLIP, list": {"image_processor_type": CLIP, "size": [30, 41], "crop_size": [20, 33]},
    "CLIP, odd crop": {"image_processor_type": CLIP, "size": 33, "crop_size": 20},
    "CLIP, crop larger than the picture": {
        "image_processor_type": CLIP, "size": 20, "crop_size": {"height": 33, "width": 48}, "data_format": None,
    },
    "CLIP, no resize": {"image_processor_type": CLIP, "do_resize": False, "crop_size": 50},
    "CLIP, longest edge too": {
        "image_processor_type": CLIP, "size": {"shortest_edge": 30, "longest_edge": 45}, "do_center_crop": False,
    },
    "CLIP, most height and width": {
        "image_processor_type": CLIP, "size": {"max_height": 30, "max_width": 45}, "crop_size": 45,
    },
    "CLIP, numbers are squares": {"image_processor_type": CLIP, "size": 40, "default_to_square": True, "crop_size": 30},
    "CLIP, padded": {
        "image_processor_type": CLIP, "size": 24, "crop_size": 20,
        "do_pad": True, "pad_size": {"height": 30, "width": 25},
    },
    "CLIP, by model_type": ({"size": 36, "crop_size": 30, "processor_class": "CLIPProcessor"}, {"model_type": "clip"}),
    "CLIP, nothing normalised": {"image_processor_type": CLIP, "size": 30, "crop_size": 30, "do_normalize": False},
    "CLIP, nothing rescaled": {"image_processor_type": CLIP, "size": 30, "crop_size": 30, "do_rescale": False},
    "ViT, old": {"feature_extractor_type": "ViTFeatureExtractor", "size": 40, "resample": 2},
    "ViT, shortest edge": {"image_processor_type": VIT, "size": {"shortest_edge": 20}},
    "ViT, crop that is off": {"image_processor_type": VIT, "size": 40, "crop_size": 20, "do_center_crop": None},
    "ViT, crop": {"image_processor_type": VIT, "size": 50, **CROP},
    "ViT, scalars": {"image_processor_type": VIT, "size": 33, "image_mean": 0.4, "image_std": 0.3},
    "ViT, other factor": {"image_processor_type": VIT, "size": 33, "rescale_factor": 1 / 127.5},
    **{
        f"ViT, resample {n}": {"image_processor_type": VIT, "size": {"height": 30, "width": 41}, "resample": n}
        for n in range(4)
    },
    "ViT, by model_type": ({"size": 31}, {"model_type": "vit"}),
    "ViT, config.json names it": ({"size": 31}, {"model_type": "clip", "image_processor_type": VIT}),
    "DeiT, old": {"feature_extractor_type": "DeiTFeatureExtractor", "size": 41, "crop_size": 30},
    "Bit, DINOv2's": {
        "image_processor_type": BIT, "size": {"shortest_edge": 51}, "crop_size": {"height": 42, "width": 42},
    },
    "Bit, number": {"image_processor_type": "BitImageProcessorFast", "size": 42, "crop_size": 42},
    "Bit, by model_type": ({"size": 42, "crop_size": 42}, {"model_type": "dinov2"}),
    "DINOv3, bicubic": {"image_processor_type": DINOV3, "size": 40, "resample": 3},
    "DINOv3, nearest": {"image_processor_type": DINOV3, "size": 40, "resample": 0},
    "DINOv3, crop": {"image_processor_type": DINOV3, "size": {"shortest_edge": 48}, **CROP},
    "DINOv3, bicubic, crop larger than the picture": {
        "image_processor_type": DINOV3, "size": [28, 37], "resample": 3, **CROP,
    },
    "DINOv3, not resized": {"image_processor_type": DINOV3, "do_resize": False, **CROP},
    "DINOv3, by model_type": ({"size": {"height": 33, "width": 48}}, {"model_type": "dinov3_vit"}),
    "SAM": {"image_processor_type": SAM, "size": {"longest_edge": 64}, "pad_size": {"height": 64, "width": 64}},
    "SAM, smaller than its square": {
        "image_processor_type": f"{SAM}Fast", "size": {"longest_edge": 50}, "pad_size": 64, "resample": 3,
        "mask_size": {"longest_edge": 16}, "mask_pad_size": {"height": 16, "width": 16},
    },
    "Blip, number": {"image_processor_type": "BlipImageProcessor", "size": 33},
    "Siglip, square": {"image_processor_type": "SiglipImageProcessor", "size": {"height": 33, "width": 33}},
    "ConvNext, old, crop_pct": {"feature_extractor_type": "ConvNextFeatureExtractor", "size": 40, "crop_pct": 0.8},
    "ConvNext, by model_type": ({"size": {"shortest_edge": 33}}, {"model_type": "resnet"}),
}  # fmt: skip

# preprocess_cfg, and image_size of the model.
OPEN_CLIP = {
    "open_clip, defaults": ({}, 40),
    "open_clip, bilinear": ({"interpolation": "bilinear", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}, 33),
    "open_clip, random": ({"interpolation": "random"}, 33),
    "open_clip, squash": ({"resize_mode": "squash"}, 40),
    "open_clip, longest": ({"resize_mode": "longest", "fill_color": 128}, 40),
    "open_clip, longest, odd": ({"resize_mode": "longest"}, 33),
    "open_clip, two edges": ({"interpolation": "bilinear"}, [30, 43]),
    "open_clip, two edges, squash": ({"resize_mode": "squash", "interpolation": "bilinear"}, [30, 43]),
    "open_clip, two edges, longest": ({"resize_mode": "longest", "fill_color": 7}, [30, 43]),
    "open_clip, another size": ({"size": 224, "mode": "RGB", "mean": 0.4, "std": 0.3}, 32),
}

# config.json
TIMM = {
    "timm, defaults": {"pretrained_cfg": {"input_size": [3, 40, 40]}},
    "timm, all of it": {"pretrained_cfg": {"input_size": [3, 40, 40], "crop_pct": 1.0, "interpolation": "bilinear"}},
    "timm, squash": {"pretrained_cfg": {"input_size": [3, 40, 40], "crop_pct": 0.9, "crop_mode": "squash"}},
    "timm, border": {"pretrained_cfg": {"input_size": [3, 40, 40], "crop_pct": 1.0, "crop_mode": "border"}},
    "timm, border, half": {
        "pretrained_cfg": {
            "input_size": [3, 33, 33], "crop_mode": "border", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
        },
    },
    "timm, two edges": {"pretrained_cfg": {"input_size": [3, 30, 43], "interpolation": "bilinear"}},
    "timm, two edges, squash": {"pretrained_cfg": {"input_size": [3, 30, 43], "crop_mode": "squash"}},
    "timm, one level": {
        "input_size": [3, 36, 36], "crop_pct": 0.95, "interpolation": "bilinear", "num_classes": 0, "num_features": 384,
        "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
    },
    **{
        f"timm, {name}": {"pretrained_cfg": {"input_size": [3, 32, 32], "interpolation": name}}
        for name in ("nearest", "box", "hamming", "lanczos")
    },
}  # fmt: skip


def picture(height, width):
    """Slopes that wrap, tiles and noise; the same bytes as in the test."""
    y, x, c = numpy.indices((height, width, 3), dtype=numpy.int64)
    noise = ((((y * width + x) * 3 + c + 1) * 2654435761) % 2**32) >> 27
    return ((x * 5 + y * 3 + c * 70 + ((x >> 3) + (y >> 3)) % 2 * 97 + noise) % 256).astype(numpy.uint8)


def in_folder(files, read):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_text(json.dumps(content))
        return read(folder)


def transformers_case(settings):
    settings, config = settings if isinstance(settings, tuple) else (settings, {"model_type": "vit"})
    files = {"preprocessor_config.json": settings, "config.json": config}
    processor = in_folder(files, AutoImageProcessor.from_pretrained)
    scale = processor.rescale_factor if processor.do_rescale else 1
    mean, std = (processor.image_mean, processor.image_std) if processor.do_normalize else (0, 1)

    def run(pixels):
        return processor(Image.fromarray(pixels), return_tensors="pt", data_format="channels_first")["pixel_values"][0]

    return {"settings": settings, "config": config}, run, (scale, mean, std)


def open_clip_case(settings):
    cfg, image_size = settings
    size = image_size if isinstance(image_size, int) else tuple(image_size)
    merged = PreprocessCfg(**{**merge_preprocess_dict(PreprocessCfg(), cfg), "size": size})
    transform = image_transform_v2(merged, is_train=False)
    config = {"model_cfg": {"vision_cfg": {"image_size": image_size}}, "preprocess_cfg": cfg}
    return {"openClip": config}, lambda pixels: transform(Image.fromarray(pixels)), (1 / 255, merged.mean, merged.std)


def timm_case(settings):
    config = {"architecture": "vit_small_patch16_224", **settings}
    parsed = in_folder({"config.json": config}, load_model_config_from_path)
    data = resolve_data_config(pretrained_cfg=parsed[0], model=None)
    transform = create_transform(**data, is_training=False)
    return {"timm": config}, lambda pixels: transform(Image.fromarray(pixels)), (1 / 255, data["mean"], data["std"])


def places(count, length):
    return [((i + 1) * 2654435761) % 2**32 % length for i in range(count)]


def in_steps(values, scale, mean, std):
    mean, std = (torch.as_tensor(v, dtype=torch.float64).reshape(-1) for v in (mean, std))
    return (values.double().permute(1, 2, 0) * std + mean) / scale


def described(steps):
    flat = steps.reshape(-1)
    samples = flat[places(9, len(flat))]
    if (samples - samples.round()).abs().max() < 1e-3:
        text = "b" + base64.b64encode(samples.round().to(torch.uint8).numpy().tobytes()).decode()
    else:
        words = (flat[places(6, len(flat))] * 64).round().to(torch.int16).numpy()
        text = "w" + base64.b64encode(words.astype("<i2").tobytes()).decode()
    return [*steps.shape[:2], round(flat.mean().item(), 1), text]


def main():
    tables = [(TRANSFORMERS, transformers_case), (OPEN_CLIP, open_clip_case), (TIMM, timm_case)]
    lines = []
    for table, make in tables:
        for name, settings in table.items():
            case, run, units = make(settings)
            results = []
            for shape in SHAPES:
                try:
                    steps = in_steps(run(picture(*shape)), *units)
                except (ValueError, RuntimeError, ZeroDivisionError) as error:
                    print(name, shape, error)  # an edge of 0
                    results.append(None)
                    continue
                results.append(described(steps) if steps.shape[0] * steps.shape[1] <= MOST_PIXELS else None)
            lines.append(json.dumps({"name": name, **case, "results": results}, separators=(",", ":")))
    head = json.dumps({"timm": timm.__version__, "shapes": SHAPES})
    text = head[:-1] + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n"
    (ROOT / "test/golden/processors.json").write_text(text)


if __name__ == "__main__":
    main()
