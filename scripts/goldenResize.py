"""Writes test/golden/resize.json: what Pillow makes of a small picture and of a photograph.

    pip install pillow numpy && python scripts/goldenResize.py

The small results are there pixel by pixel (RGB, base64), those of the photograph as SHA-256 of their RGB bytes.
"""

import base64
import hashlib
import json
from pathlib import Path

import numpy
import PIL
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
SMALL_SIZES = [(16, 16), (23, 71), (66, 19), (1, 1)]  # width, height
PHOTO = "demos/photos/chelsea.png"
PHOTO_SIZES = [(336, 224), (1024, 681), (224, 224), (200, 300), (451, 97)]


def base64_of(image):
    return base64.b64encode(image.tobytes()).decode()


def small_picture(height, width):
    """Noise beside edges of full contrast, where filters with negative lobes overshoot."""
    pixels = numpy.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=numpy.uint8)
    diagonal = numpy.indices((height, width - width // 2)).sum(0)[..., None]
    pixels[:, width // 2 :] = numpy.where(diagonal // 5 % 2, 255, 0)
    return Image.fromarray(pixels)


def main():
    small = small_picture(37, 53)
    photo = Image.open(ROOT / PHOTO).convert("RGB")
    golden = {
        "pillow": PIL.__version__,
        "small": {"width": small.width, "height": small.height, "rgb": base64_of(small)},
        "smallResults": [
            {"width": w, "height": h, "filter": name, "rgb": base64_of(small.resize((w, h), resample))}
            for name, resample in FILTERS.items()
            for w, h in SMALL_SIZES
        ],
        "photo": PHOTO,
        "photoResults": [
            {
                "width": w,
                "height": h,
                "filter": name,
                "sha256": hashlib.sha256(photo.resize((w, h), resample).tobytes()).hexdigest(),
            }
            for name, resample in FILTERS.items()
            for w, h in PHOTO_SIZES
        ],
    }
    (ROOT / "test/golden/resize.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
