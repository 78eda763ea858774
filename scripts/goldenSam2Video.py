"""Makes the golden of SAM 2.1 on videos in test/golden, as golden.py makes the others.

    pip install torch torchvision transformers safetensors pillow
    python scripts/goldenSam2Video.py [--out test/golden]

small-sam2-video   a checkpoint in the Hub's layout with a manifest of seeded.py's weights; what each module of the video
                   part gives for inputs of seeded.py; and the low-resolution logits and object scores of two objects over
                   12 frames, which are squares cut from a photo: prompts on two frames, a correction, backwards

The files in the repository came from torch 2.13.0 and transformers 5.24.0. Memories are kept in float32, which
transformers rounds to bfloat16; and each object has a session of its own, as transformers binarises the masks of all
objects for their memories where one of them has a new prompt.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import transformers as tf
from PIL import Image

import seeded
from golden import GOLDEN, IMAGENET_MEAN, IMAGENET_STD, PHOTOS, save_golden
from goldenSam2 import one_matrix, processor_of, sam2_model, small

SIDE = 128
FRAMES = 12
VIDEO = dict(memory_attention_hidden_size=128, memory_attention_num_layers=2)
VIDEO |= dict(memory_attention_feed_forward_hidden_size=256, memory_attention_rope_feat_sizes=[SIDE // 16, SIDE // 16])
VIDEO |= dict(memory_encoder_hidden_size=128, mask_downsampler_embed_dim=128, memory_fuser_embed_dim=128)
VIDEO |= dict(memory_fuser_intermediate_dim=256, image_size=SIDE)
TRUNK = ([16, 32, 64, 128], [1, 1, 2, 1], [1, 2, 4, 8], [8, 4, 4, 2], [3], [5, 5])
BIAS = -0.26
OBJECT_BIAS = "mask_decoder.pred_obj_score_head.proj_out.bias"


def even_rows(rows):
    """Projections of about unit size, so that rounding is not magnified from frame to frame; and a bias by which an
    object is there in some frames and not in others."""
    rows = one_matrix(rows)
    for row in rows:
        if row["name"].endswith("_proj.weight"):
            row["scale"] = round((3.0 / row["shape"][1]) ** 0.5, 8)
        if row["name"] == OBJECT_BIAS:
            row["mean"], row["scale"] = BIAS, 0.0
    return rows


def frames():
    """Squares of the model's size, so that nothing is resized: two that are black, where the object is gone."""
    photo = Image.open(PHOTOS / "astronaut.png").convert("RGB")
    cuts = [photo.crop((150 + 9 * i, 20 + 6 * i, 150 + 9 * i + SIDE, 20 + 6 * i + SIDE)) for i in range(FRAMES)]
    return [Image.new("RGB", (SIDE, SIDE)) if i in (8, 9) else cut for i, cut in enumerate(cuts)]


def values_of(images):
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_STD))
    data = torch.from_numpy(np.stack([np.array(image) for image in images])).permute(0, 3, 1, 2)
    return (data / 255 - mean) / std


class Object:
    """An object in a session of its own."""

    def __init__(self, model, video, side=SIDE):
        self.model = model
        self.processor = tf.Sam2VideoProcessor(processor_of(side), tf.Sam2VideoVideoProcessor(), target_size=side)
        self.session = self.processor.init_video_session(video=None, inference_device="cpu")
        self.session.processed_frames = dict(enumerate(video))
        self.session.video_height = self.session.video_width = side

    def prompt(self, frame, **inputs):
        self.processor.add_inputs_to_inference_session(self.session, frame, 1, **inputs)
        return self.output(self.model(self.session, frame_idx=frame))

    def propagate(self, start, reverse=False):
        for o in self.model.propagate_in_video_iterator(self.session, start_frame_idx=start, reverse=reverse):
            yield o.frame_idx, self.output(o)

    def output(self, o):
        return o.pred_masks[0, 0], o.object_score_logits.reshape(1)


def disc(x, y, radius):
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return ((columns - x) ** 2 + (rows - y) ** 2 < radius**2)


@torch.no_grad()
def tracked(model, video):
    """Every step's logits and object scores, under a name for each step."""
    steps = {}

    def record(name, frame, output):
        steps[f"{name}.{frame}.logits"], steps[f"{name}.{frame}.score"] = output

    first = Object(model, video)
    click = dict(input_points=[[[[60.0, 50.0]]]], input_labels=[[[1]]])
    record("first.click", 0, first.prompt(0, **click))
    for frame, output in first.propagate(0):
        record("first.forward", frame, output)
    two = dict(input_points=[[[[40.0, 70.0], [100.0, 20.0]]]], input_labels=[[[1, 0]]])
    record("first.correction", 6, first.prompt(6, **two))
    for frame, output in first.propagate(7):
        record("first.again", frame, output)
    for frame, output in first.propagate(5, reverse=True):
        record("first.backward", frame, output)
    second = Object(model, video)
    record("second.box", 3, second.prompt(3, input_boxes=[[[20.0, 30.0, 90.0, 110.0]]]))
    record("second.mask", 1, second.prompt(1, input_masks=disc(70, 60, 30)))
    for frame, output in second.propagate(3):
        record("second.forward", frame, output)
    for frame, output in second.propagate(3, reverse=True):
        record("second.backward", frame, output)
    return steps


@torch.no_grad()
def modules(model):
    """What the modules give for inputs of seeded.py, channels last."""
    value = lambda name, *shape: torch.from_numpy(seeded.tensor(name, list(shape), 0.0, 1.0))
    C, mem, side = 128, 64, SIDE // 16
    N = side * side
    features, memory = value("features", N, 1, C), value("memory", 2 * N + 6, 1, mem)
    positions = value("positions", 2 * N + 6, 1, mem)
    shape = torch.Size([1, C, side, side])
    position = model.vision_encoder.neck.position_encoding(shape, "cpu", torch.float32)
    places = position.flatten(2).permute(2, 0, 1)
    attended = model.memory_attention(features, memory, places, positions, num_object_pointer_tokens=6)
    mask = 4 * value("mask", 1, 1, SIDE, SIDE)
    encoded, code = model.memory_encoder(features.permute(1, 2, 0).view(1, C, side, side), mask)
    return {
        "attention": attended.reshape(1, N, C),
        "memory": encoded.permute(0, 2, 3, 1),
        "memory.positions": code.permute(0, 2, 3, 1),
        "features.positions": position.permute(0, 2, 3, 1),
        "pointer": model.object_pointer_proj(value("token", 1, C)),
    }


def main(out):
    torch.bfloat16 = torch.float32  # of memories
    config = tf.Sam2VideoConfig(**small(SIDE, *TRUNK, 128, 4, 0.82), **VIDEO)
    folder = out / "small-sam2-video"
    model = sam2_model(folder, tf.Sam2VideoModel(config), even_rows)
    processor_of(SIDE).save_pretrained(folder)
    steps = tracked(model, values_of(frames()))
    for name, score in steps.items():
        if name.endswith("score"):
            print(name, f"{score.item():.3f}", f"{(steps[name.replace('score', 'logits')] > 0).float().mean():.3f}")
    save_golden(steps | modules(model), folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    torch.set_num_threads(2)
    main(parser.parse_args().out)
