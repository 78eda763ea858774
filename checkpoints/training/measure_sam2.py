"""Measures tiny-sam2 on held pictures with transformers alone, in float32, and writes its expected.json.

    python measure_sam2.py --photos DIR --bsds DIR --out DIR [--cache DIR] [--count 60]

On videos it is measured by bench/follow.ts, on clips of `python clips.py` and of DAVIS.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from transformers import Sam2Model, Sam2VideoModel
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

import recipe
from train_sam import LOW, MEAN, SIZE, STD, box_of, bsds_items, centre_point, composite_items, iou
from train_sam import load_bsds, load_photos

PHOTO = Path(__file__).resolve().parents[2] / "demos" / "photos" / "astronaut.png"
FRAMES, POINT, RADIUS = 5, [105.0, 90.0], 40


def pixels_of(images):
    x = torch.from_numpy(np.stack([np.asarray(image) for image in images])).permute(0, 3, 1, 2).float() / 255
    return (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


@torch.no_grad()
def pictures(model, items):
    """Mean IoU in % of the segments of pictures, which SAM 2 sees as squares, from a click and from a box."""
    names = ("point_best_by_predicted_iou", "point_oracle_of_3", "box_single_mask", "baseline_box_filled")
    found = {name: [] for name in names}
    for image, masks in items:
        h, w = image.shape[:2]
        square = Image.fromarray(image).resize((SIZE, SIZE), Image.BILINEAR)
        embeddings = model.get_image_embeddings(pixels_of([square]))
        scale = torch.tensor([SIZE / w, SIZE / h])
        points = torch.tensor([centre_point(m) for m in masks])[None, :, None] * scale
        boxes = torch.tensor([box_of(m) for m in masks])[None] * scale.repeat(2)
        clicked = model(image_embeddings=embeddings, input_points=points, multimask_output=True)
        boxed = model(image_embeddings=embeddings, input_boxes=boxes, multimask_output=False)
        full = lambda o: F.interpolate(o.pred_masks[0], (h, w), mode="bilinear", align_corners=False).numpy() > 0
        three, one, best = full(clicked), full(boxed), clicked.iou_scores[0].argmax(-1).tolist()
        for i, m in enumerate(masks):
            each = [iou(three[i, j], m) for j in range(3)]
            filled = np.zeros_like(m)
            x0, y0, x1, y1 = (int(v) for v in box_of(m))
            filled[y0 : y1 + 1, x0 : x1 + 1] = True
            for name, value in zip(found, (each[best[i]], max(each), iou(one[i, 0], m), iou(filled, m))):
                found[name].append(value)
    means = {name: round(100 * float(np.mean(values)), 2) for name, values in found.items()}
    return {"segments": len(found["box_single_mask"]), **means}


@torch.no_grad()
def expected_pictures(model):
    pixels = recipe.sine(1, 3, SIZE, SIZE)
    embeddings = model.get_image_embeddings(pixels)
    point, box = torch.tensor([[[[120.0, 90.0]]]]), torch.tensor([[[30.0, 40.0, 200.0, 180.0]]])
    mask = 8 * recipe.sine(1, 1, LOW, LOW, step=0.02)
    prompts = {
        "one_point": dict(input_points=point),
        "box": dict(input_boxes=box),
        "point_and_mask": dict(input_points=point, input_masks=mask),
    }
    outputs = {}
    for name, prompt in prompts.items():
        o = model(image_embeddings=embeddings, multimask_output=True, **prompt)
        outputs[name] = {"iou_scores": recipe.first(o.iou_scores), "pred_masks": recipe.summary(o.pred_masks)}
    return {
        "made_with": "transformers, float32, from the saved float16 weights; memories of videos in float32 too",
        "pixel_values": {"shape": [1, 3, SIZE, SIZE], "formula": "sin(i*0.01), i = flat row-major index"},
        "input_points": point.tolist(),
        "input_boxes": box.tolist(),
        "input_masks": {"shape": [1, 1, LOW, LOW], "formula": "8*sin(i*0.02)"},
        "image_embeddings": recipe.summary(embeddings[-1]),
        "outputs": outputs,
    }


def expected_video(model):
    """A few squares of a photo, of the model's size: what is found after a click in the first, and after a mask."""
    photo = Image.open(PHOTO).convert("RGB")
    places = [(120 + 9 * i, 20 + 6 * i) for i in range(FRAMES)]
    frames = pixels_of([photo.crop((x, y, x + SIZE, y + SIZE)) for x, y in places])
    (x, y), radius = POINT, RADIUS
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    disc = ((columns - x) ** 2 + (rows - y) ** 2 < radius**2)[None, None]
    click = {"point_coords": torch.tensor([[[POINT]]]), "point_labels": torch.ones(1, 1, 1, dtype=torch.int32)}
    return {
        "frames": f"squares of {SIZE} of demos/photos/{PHOTO.name} at {places}",
        "point": POINT,
        "radius": radius,
        "click": steps(model, frames, lambda session: session.add_point_inputs(0, 0, click)),
        "mask": steps(model, frames, lambda session: session.add_mask_inputs(0, 0, disc)),
    }


@torch.no_grad()
def steps(model, frames, prompt):
    session = Sam2VideoInferenceSession(video=frames, video_height=SIZE, video_width=SIZE, dtype=torch.float32)
    session.obj_id_to_idx(1)
    prompt(session)
    session.obj_with_new_inputs = [1]
    bfloat16, torch.bfloat16 = torch.bfloat16, torch.float32  # of memories
    try:
        found = [model(session, frame_idx=0), *model.propagate_in_video_iterator(session, start_frame_idx=1)]
    finally:
        torch.bfloat16 = bfloat16
    return {
        "scores": [float(o.object_score_logits) for o in found],
        "pred_masks": [recipe.summary(o.pred_masks, 64) for o in found],
    }


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--photos", required=True)
    p.add_argument("--bsds", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--cache", default=".cache")
    p.add_argument("--count", type=int, default=60, help="pictures of each kind")
    a = p.parse_args()
    recipe.setup(threads=1)
    load = dict(dtype=torch.float32, attn_implementation="eager")
    model, video = (kind.from_pretrained(a.out, **load).eval() for kind in (Sam2Model, Sam2VideoModel))
    recipe.write_json(Path(a.out) / "expected.json", expected_pictures(model) | {"video": expected_video(video)})
    test = load_bsds(a.bsds, "test")
    result = {
        "bsds500_test": pictures(model, bsds_items(test[: a.count])),
        "held_out_composites": pictures(model, composite_items(load_photos(a.photos, a.cache)[-100:], test, a.count)),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
