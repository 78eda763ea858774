"""PyTorch's side of bench/embedSides.ts, as clip-retrieval embeds: worker processes of a DataLoader decode, resize and
normalise with Pillow, and the model runs on batches of 256, on all cores.

    python bench/peers/embed.py MODEL                  # a line of paths as JSON in, their embeddings as a line out
    python bench/peers/embed.py MODEL --export FILE    # the image tower as ONNX, for transformers.js
"""

import json
import os
import sys

import numpy as np
import torch
from PIL import Image
from transformers import CLIPModel

folder = sys.argv[1]
with open(os.path.join(folder, "preprocessor_config.json")) as file:
    recipe = json.load(file)
model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()


class Pictures(torch.utils.data.Dataset):
    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> torch.Tensor:
        side = recipe["size"]["shortest_edge"]
        picture = Image.open(self.paths[i]).convert("RGB")
        shortest = min(picture.size)
        width, height = (side * n // shortest for n in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - side) // 2, (height - side) // 2
        pixels = np.asarray(picture.crop((left, top, left + side, top + side)), np.float32) / 255
        normal = (pixels - np.float32(recipe["image_mean"])) / np.float32(recipe["image_std"])
        return torch.from_numpy(normal).permute(2, 0, 1)


class ImageTower(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.vision, self.projection = model.vision_model, model.visual_projection

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return self.projection(self.vision(pixel_values=pixel_values).pooler_output)


tower = ImageTower().eval()
if "--export" in sys.argv:
    side = recipe["size"]["shortest_edge"]
    torch.onnx.export(
        tower, (torch.zeros(2, 3, side, side),), sys.argv[-1], input_names=["pixel_values"],
        output_names=["image_embeds"], dynamic_shapes={"pixel_values": {0: torch.export.Dim("batch")}},
        external_data=False,
    )
    sys.exit(0)

for line in sys.stdin:
    pictures = Pictures(json.loads(line))
    loader = torch.utils.data.DataLoader(pictures, batch_size=256, num_workers=os.cpu_count() or 1)
    with torch.inference_mode():
        rows = [tower(batch) for batch in loader]
    print(json.dumps(torch.nn.functional.normalize(torch.cat(rows)).tolist()), flush=True)
