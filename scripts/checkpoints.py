"""Makes the README's table of checkpoints: parameters and bytes of each, and the GPU memory that `info` tells for it.

    pip install torch transformers
    npm run build && node scripts/withAdapter.mjs python scripts/checkpoints.py

No weights are needed: each checkpoint is written with its config.json and the header of its safetensors, of the shapes
that transformers gives the model on the meta device (or that a manifest of test/golden lists); what follows the header is
a hole in the file. GPU memory is that of the weights and of the activations of one picture, text or prompt.
"""

import json
import math
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers as t

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "test" / "golden"


def clip(patch, side, vision, text, projection):
    """vision and text: width, layers, heads"""
    size = lambda width, layers, heads: {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
    }
    vision_config = {**size(*vision), "patch_size": patch, "image_size": side}
    return t.CLIPModel, t.CLIPConfig(text_config=size(*text), vision_config=vision_config, projection_dim=projection)


def vit(width, heads, patch):
    sizes = dict(hidden_size=width, num_attention_heads=heads, intermediate_size=4 * width, patch_size=patch)
    return t.ViTModel, t.ViTConfig(**sizes, layer_norm_eps=1e-12)


def dinov2(width, layers, heads):
    sizes = dict(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads)
    return t.Dinov2Model, t.Dinov2Config(**sizes, image_size=518, patch_size=14)


def sam(width, layers, heads, global_attention):
    sizes = dict(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, mlp_dim=4 * width)
    return t.SamModel, t.SamConfig(vision_config=dict(**sizes, global_attn_indexes=global_attention))


# id, its class and config (or a folder of test/golden), what it is for, licence, where its safetensors are.
CHECKPOINTS = [
    ("openai/clip-vit-base-patch32", clip(32, 224, (768, 12, 12), (512, 12, 8), 512), "labels, search", "MIT", "main"),
    ("openai/clip-vit-base-patch16", clip(16, 224, (768, 12, 12), (512, 12, 8), 512), "finer", "MIT", "main or `refs/pr`"),
    ("openai/clip-vit-large-patch14", clip(14, 224, (1024, 24, 16), (768, 12, 12), 768), "best", "MIT", "main"),
    ("timm/resnet50_clip.openai", "clip-resnet50", "CLIP of convolutions", "MIT", "main"),
    ("facebook/dino-vits16", vit(384, 6, 16), "features, fast", "Apache-2.0", "`refs/pr/1`"),
    ("facebook/dino-vits8", vit(384, 6, 8), "fine patches", "Apache-2.0", "main"),
    ("facebook/dino-vitb16", vit(768, 12, 16), "features", "Apache-2.0", "`refs/pr/7`"),
    ("facebook/dinov2-small", dinov2(384, 12, 6), "features, matches", "Apache-2.0", "main"),
    ("facebook/dinov2-base", dinov2(768, 12, 12), "the same, better", "Apache-2.0", "main"),
    ("facebook/dinov3-vits16-pretrain-lvd1689m", "dinov3-vits16", "dense features", "DINOv3, gated", "main"),
    ("facebook/sam-vit-base", sam(768, 12, 12, [2, 5, 8, 11]), "masks", "Apache-2.0", "main"),
    ("facebook/sam-vit-huge", sam(1280, 32, 16, [7, 15, 23, 31]), "best masks", "Apache-2.0", "main"),
    ("facebook/sam2.1-hiera-tiny", "sam2.1-hiera-tiny", "masks, small, sharp", "Apache-2.0", "main"),
    ("yonigozlan/EdgeTAM-hf", "edgetam", "masks, small and fast", "Apache-2.0", "main"),
    ("nielsr/mobilesam", "mobile-sam", "masks, small and fast", "Apache-2.0", "main"),
]


def shapes_of(model):
    """The names and shapes of a model's tensors, and its config.json: {file: contents}."""
    if isinstance(model, str):
        rows = json.loads((GOLDEN / model / "manifest.json").read_text())
        files = {path.name: path.read_text() for path in (GOLDEN / model).glob("*config.json")}
        return {row["name"]: row["shape"] for row in rows}, files
    kind, config = model
    with torch.device("meta"):
        tensors = kind(config).state_dict()
    config.architectures = [kind.__name__]
    beside = ("position_ids", "pooler.")  # buffers, and a head that DINO's checkpoints do not have
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items() if not any(b in name for b in beside)}
    return shapes, {"config.json": config.to_json_string()}


def write(folder, shapes, files):
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    weights = "open_clip_model.safetensors" if "open_clip_config.json" in files else "model.safetensors"
    with open(folder / weights, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    for name, contents in files.items():
        (folder / name).write_text(contents)


def memory(folder, dtype):
    command = ["node", str(ROOT / "dist/cli.js"), "info", "--model", str(folder), "--dtype", dtype, "--json"]
    model = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)["model"]
    return model, sum(part["weightBytes"] + part["activationBytes"] for part in model["parts"].values())


def size(count):
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def rows():
    yield "| checkpoint | family | parameters | download | GPU memory f32 / f16 / q8 | for | licence | safetensors |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, model, purpose, licence, where in CHECKPOINTS:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), *shapes_of(model))
            described = [memory(Path(folder), dtype) for dtype in ("f32", "f16", "q8")]
        info = described[0][0]
        parameters, costs = f"{info['parameters'] / 1e6:.1f} M", " / ".join(size(cost) for _, cost in described)
        row = [f"`{name}`", info["title"], parameters, size(info["storedBytes"]), costs, purpose, licence, where]
        yield f"| {' | '.join(row)} |"


def main():
    readme = ROOT / "README.md"
    begin, end = "<!-- made by scripts/checkpoints.py from here -->", "<!-- to here -->"
    before, rest = readme.read_text().split(begin)
    after = rest.split(end, 1)[1]
    table = "\n".join(rows())
    readme.write_text(f"{before}{begin}\n\n{table}\n\n{end}{after}")


if __name__ == "__main__":
    sys.exit(main())
