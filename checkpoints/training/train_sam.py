"""Train tiny-sam: a SamModel of about 4 M parameters, promptable with points, boxes and low-resolution masks.

    python train_sam.py --photos DIR --bsds DIR --out DIR [--minutes 32] [--cache DIR]
    python train_sam.py ... --check      # only reload the saved checkpoint, measure it, write expected.json

PHOTOS holds *.JPEG photos (imagenet-sample-images), BSDS is BSDS500/data (images/ and groundTruth/). Two thirds of
the training images are composites made on the fly: pieces of photos, cut with random smooth blobs, polygons, ellipses
or the outlines of BSDS500 train/val segments, over another photo, overlapping, some with a part inside. The others are
BSDS500 train/val photos with their human segmentations. The BSDS500 test photos and the last 100 photos (with the
composites made of them) are held out. Each step decodes twice: a point, three points or a box; then a corrective
point in the error region, mostly with the first prediction as mask prompt.
"""

import argparse
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter
from torch.nn import functional as F
from transformers import SamConfig, SamImageProcessor, SamModel

import recipe
from recipe import Clock, Optimizer, bf16

MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
SIZE, LOW = 256, 64


# ----------------------------------------------------------------------------------------------------- data
def load_photos(root, cache, short=300):
    cached = Path(cache) / "photos.pt"
    if not cached.exists():
        photos = []
        for file in sorted(Path(root).glob("*.JPEG")):
            image = Image.open(file).convert("RGB")
            s = short / min(image.size)
            image = image.resize(
                (max(short, round(image.width * s)), max(short, round(image.height * s))),
                Image.BOX if s < 0.5 else Image.BICUBIC,
            )
            photos.append(np.asarray(image)[:600, :600])
        cached.parent.mkdir(parents=True, exist_ok=True)
        torch.save(photos, cached)
    return torch.load(cached, weights_only=False)


def load_bsds(root, split):
    """[(image [H,W,3], [segmentation [H,W] of each annotator])]"""
    from scipy.io import loadmat

    items = []
    for file in sorted((Path(root) / "images" / split).glob("*.jpg")):
        truth = loadmat(Path(root) / "groundTruth" / split / f"{file.stem}.mat")["groundTruth"][0]
        items.append(
            (
                np.asarray(Image.open(file).convert("RGB")),
                [np.asarray(t["Segmentation"][0, 0]).astype(np.uint16) for t in truth],
            )
        )
    return items


class Scenes:
    """Endless training images: (pixels uint8 [256,256,3], valid height and width, [masks bool [256,256]])."""

    def __init__(self, photos, bsds, seed, share=0.35):
        self.photos, self.bsds, self.share = photos, bsds, share
        self.rng = np.random.default_rng(seed)
        self.yy, self.xx = np.mgrid[-1:1:128j, -1:1:128j].astype(np.float32)

    def crop(self, h, w, lo=0.3):
        photo = self.photos[self.rng.integers(len(self.photos))]
        side = self.rng.uniform(lo, 1) * min(photo.shape[:2])
        ch, cw = (side, side * w / h) if h > w else (side * h / w, side)
        y, x = self.rng.uniform(0, photo.shape[0] - ch), self.rng.uniform(0, photo.shape[1] - cw)
        out = Image.fromarray(photo).resize((w, h), Image.BILINEAR, box=(x, y, x + cw, y + ch))
        return np.asarray(out if self.rng.random() < 0.5 else out.transpose(Image.FLIP_LEFT_RIGHT)).astype(np.float32)

    def texture(self, h, w):
        r = self.rng
        if r.random() < 0.12:
            base = r.uniform(0, 255, 3).astype(np.float32) + np.zeros((h, w, 3), np.float32)
            return base + np.linspace(0, 1, h, dtype=np.float32)[:, None, None] * r.normal(0, 40, 3).astype(np.float32)
        t = self.crop(h, w, 0.12)
        return np.clip((t - 128) * r.uniform(0.6, 1.2) + 128 + r.normal(0, 20) + r.normal(0, 8, 3), 0, 255).astype(
            np.float32
        )

    def shape(self, h, w):
        """A soft mask float [h,w] 0..1 that about fills its box."""
        r, kind = self.rng, self.rng.random()
        if kind < 0.25:
            image, segs = self.bsds[r.integers(len(self.bsds))]
            seg = segs[r.integers(len(segs))]
            ids, count = np.unique(seg, return_counts=True)
            ok = ids[(count > 0.01 * seg.size) & (count < 0.4 * seg.size)]
            if len(ok):
                ys, xs = np.nonzero(seg == r.choice(ok))
                m = Image.fromarray(
                    ((seg == seg[ys[0], xs[0]])[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1] * 255).astype(
                        np.uint8
                    )
                )
                return np.asarray(m.resize((w, h), Image.BILINEAR)).astype(np.float32) / 255
        if kind < 0.45:
            n = r.integers(3, 9)
            a = (
                np.sort(r.uniform(0, 2 * np.pi, n))
                if r.random() < 0.6
                else np.arange(n) * 2 * np.pi / n + r.uniform(0, 6)
            )
            d = r.uniform(0.45, 1, n) if r.random() < 0.6 else np.ones(n)
            m = Image.new("L", (2 * w, 2 * h))
            ImageDraw.Draw(m).polygon(
                [(float(w + w * q * np.cos(t)), float(h + h * q * np.sin(t))) for t, q in zip(a, d)], fill=255
            )
            return np.asarray(m.resize((w, h), Image.BILINEAR)).astype(np.float32) / 255
        if kind < 0.65:
            p = r.choice([2, 2, 2, 4, 12])
            t = r.uniform(0, np.pi)
            u, v = np.cos(t) * self.xx + np.sin(t) * self.yy, np.cos(t) * self.yy - np.sin(t) * self.xx
            field = 0.95 - (np.abs(u) ** p + np.abs(v / r.uniform(0.4, 1)) ** p) ** (1 / p)
        elif kind < 0.85:
            theta, radius = np.arctan2(self.yy, self.xx), np.hypot(self.xx, self.yy)
            wave = sum(r.normal(0, 0.3 / k) * np.cos(k * theta + r.uniform(0, 6)) for k in range(1, 7))
            field = 0.8 + wave - radius
        else:
            n = r.integers(3, 7)
            noise = Image.fromarray(r.normal(0, 1, (n, n)).astype(np.float32)).resize((128, 128), Image.BICUBIC)
            field = np.asarray(noise) + 1.0 - 1.8 * (self.xx**2 + self.yy**2)
        m = Image.fromarray(np.clip(field * 40 + 0.5, 0, 1).astype(np.float32)).resize((w, h), Image.BILINEAR)
        return np.asarray(m)

    def composite(self):
        r = self.rng
        h = w = SIZE
        if r.random() < 0.4:
            s = int(r.uniform(0.55, 1) * SIZE)
            h, w = (s, SIZE) if r.random() < 0.6 else (SIZE, s)
        canvas = self.texture(h, w) if r.random() < 0.2 else self.crop(h, w)
        owner, parent = np.zeros((h, w), np.int16), {}

        def paste(y, x, alpha, ident):
            oh, ow = alpha.shape
            y0, x0, y1, x1 = max(y, 0), max(x, 0), min(y + oh, h), min(x + ow, w)
            if y1 <= y0 or x1 <= x0:
                return
            al = alpha[y0 - y : y1 - y, x0 - x : x1 - x]
            t = self.texture(oh, ow)[y0 - y : y1 - y, x0 - x : x1 - x]
            canvas[y0:y1, x0:x1] += al[..., None] * (t - canvas[y0:y1, x0:x1])
            owner[y0:y1, x0:x1][al > 0.5] = ident

        ident = 0
        for _ in range(r.integers(1, 7)):
            big = np.exp(r.uniform(np.log(0.16), np.log(0.85)))
            oh, ow = (max(16, int(big * SIZE * np.exp(r.normal(0, 0.3)))) for _ in range(2))
            oh, ow = min(oh, 300), min(ow, 300)
            y, x = int(r.uniform(-0.3 * oh, h - 0.7 * oh)), int(r.uniform(-0.3 * ow, w - 0.7 * ow))
            alpha, ident = self.shape(oh, ow), ident + 1
            paste(y, x, alpha, ident)
            if r.random() < 0.3:
                f = r.uniform(0.3, 0.6, 2)
                ph, pw = max(12, int(f[0] * oh)), max(12, int(f[1] * ow))
                py, px = int(r.uniform(0, oh - ph)) if oh > ph else 0, int(r.uniform(0, ow - pw)) if ow > pw else 0
                inside = alpha[py : py + ph, px : px + pw]
                part = self.shape(ph, pw)[: inside.shape[0], : inside.shape[1]] * (inside > 0.5)
                parent[ident + 1] = ident
                ident += 1
                paste(y + py, x + px, part.astype(np.float32), ident)
        masks = []
        for i in range(1, ident + 1):
            m = owner == i
            for child, p in parent.items():
                if p == i:
                    m = m | (owner == child)
            masks.append(m)
        image = Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))
        if r.random() < 0.5:
            image = image.filter(ImageFilter.GaussianBlur(r.uniform(0.3, 1.0)))
        image = np.asarray(image).astype(np.float32)
        if r.random() < 0.3:
            image = image + r.normal(0, r.uniform(2, 10), image.shape)
        return np.clip(image, 0, 255).astype(np.uint8), masks

    def natural(self):
        r = self.rng
        image, segs = self.bsds[r.integers(len(self.bsds))]
        seg = segs[r.integers(len(segs))]
        h, w = seg.shape
        s = r.uniform(0.5, 1) if r.random() < 0.6 else 1.0
        ch, cw = int(h * s), int(w * s * (r.uniform(0.7, 1) if s < 1 else 1))
        y, x = r.integers(0, h - ch + 1), r.integers(0, w - cw + 1)
        image, seg = image[y : y + ch, x : x + cw], seg[y : y + ch, x : x + cw]
        k = SIZE / max(ch, cw)
        size = (max(1, round(cw * k)), max(1, round(ch * k)))
        image = np.asarray(Image.fromarray(image).resize(size, Image.BILINEAR)).astype(np.float32)
        seg = np.asarray(Image.fromarray(seg.astype(np.int32)).resize(size, Image.NEAREST))
        image = np.clip((image - 128) * r.uniform(0.8, 1.2) + 128 + r.normal(0, 12) + r.normal(0, 5, 3), 0, 255).astype(
            np.uint8
        )
        if r.random() < 0.5:
            image, seg = image[:, ::-1], seg[:, ::-1]
        return image, [seg == i for i in np.unique(seg)]

    def sample(self, natural=None):
        while True:
            image, masks = (
                self.natural() if (self.rng.random() < self.share if natural is None else natural) else self.composite()
            )
            masks = [m for m in masks if m.sum() > 0.006 * SIZE * SIZE]
            if masks:
                h, w = image.shape[:2]
                pad = ((0, SIZE - h), (0, SIZE - w))
                return np.pad(image, (*pad, (0, 0))), (h, w), [np.pad(m, pad) for m in masks]


def pack(scene, prompts, rng):
    """One training row: normalised pixels, low-resolution soft targets and boxes of `prompts` masks."""
    image, (h, w), masks = scene
    x = (image.astype(np.float32) / 255 - MEAN) / STD
    x[h:], x[:, w:] = 0, 0
    chosen = rng.choice(len(masks), prompts, replace=len(masks) < prompts)
    targets, boxes = [], []
    for m in (masks[i] for i in chosen):
        targets.append(m.reshape(LOW, 4, LOW, 4).mean((1, 3), dtype=np.float32))
        ys, xs = np.nonzero(m.any(1))[0], np.nonzero(m.any(0))[0]
        boxes.append([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1])
    return (
        torch.from_numpy(x).permute(2, 0, 1).contiguous(),
        torch.from_numpy(np.stack(targets)),
        torch.tensor(boxes, dtype=torch.float32),
    )


class Stream(torch.utils.data.IterableDataset):
    def __init__(self, photos, bsds, prompts):
        self.photos, self.bsds, self.prompts = photos, bsds, prompts

    def __iter__(self):
        torch.set_num_threads(1)
        info = torch.utils.data.get_worker_info()
        scenes = Scenes(self.photos, self.bsds, 100 + (info.id if info else 0))
        while True:
            yield pack(scenes.sample(), self.prompts, scenes.rng)


# ---------------------------------------------------------------------------------------------------- model
def new_model(sample):
    c = SamConfig(
        vision_config=dict(
            hidden_size=192,
            output_channels=128,
            num_hidden_layers=6,
            num_attention_heads=3,
            image_size=SIZE,
            patch_size=16,
            window_size=7,
            global_attn_indexes=[2, 5],
            mlp_dim=768,
            num_pos_feats=64,
            initializer_range=0.02,
            use_rel_pos=True,
        ),
        prompt_encoder_config=dict(
            hidden_size=128, image_size=SIZE, patch_size=16, image_embedding_size=16, mask_input_channels=16
        ),
        mask_decoder_config=dict(
            hidden_size=128, mlp_dim=512, num_hidden_layers=2, num_attention_heads=8, iou_head_hidden_dim=128
        ),
    )
    c._attn_implementation = "eager"
    model = SamModel(c)
    v = model.vision_encoder
    v.patch_embed.projection.weight.data = recipe.whitening_filters(sample, 16, 192)
    v.pos_embed.data = recipe.sincos_2d(16, 192).view(1, 16, 16, 192)
    for layer in v.layers:
        parts = [
            SimpleNamespace(weight=w, bias=b)
            for w, b in zip(layer.attn.qkv.weight.data.chunk(3), layer.attn.qkv.bias.data.chunk(3))
        ]
        recipe.mimetic_attention(*parts, layer.attn.proj, 3)
    for part in (model.prompt_encoder, model.mask_decoder, v.neck):  # SAM's own (torch's default) initialisation
        for m in part.modules():
            if hasattr(m, "reset_parameters"):
                m.reset_parameters()
    model.shared_image_embedding.positional_embedding.data.normal_(0, 1)  # SAM's own scale; HF's is for loading only
    model.tie_weights()
    model.shared_image_embedding.positional_embedding.requires_grad_(False)
    return model


def encode(model, pixels):
    """The image encoder with its residual stream in bfloat16."""
    v = model.vision_encoder
    h = (v.patch_embed(pixels) + v.pos_embed).bfloat16()
    for layer in v.layers:
        h = layer(h)
    return v.neck(h)


def decode(model, embedding, points=None, labels=None, boxes=None, mask=None):
    """All four masks and IoU estimates (token 0: the single-mask output; 1-3: multimask), one prompt a row."""
    d = model.mask_decoder
    n, c, h, w = embedding.shape
    with torch.autocast("cpu", enabled=False):  # positions need float32
        sparse, dense = model.prompt_encoder(
            input_points=points, input_labels=labels, input_boxes=boxes, input_masks=mask
        )
        tokens = torch.cat([d.iou_token.weight, d.mask_tokens.weight]).repeat(n, 1, 1, 1)
        tokens = torch.cat([tokens, sparse], 2).bfloat16()
        pos = model.get_image_wide_positional_embeddings().expand(n, -1, -1, -1).bfloat16()
    out, image = d.transformer(
        point_embeddings=tokens,
        image_embeddings=embedding + dense.bfloat16(),
        image_positional_embeddings=pos,
        attention_similarity=None,
    )
    image = image.transpose(2, 3).reshape(n, c, h, w)
    up = d.activation(d.upscale_layer_norm(d.upscale_conv1(image)))
    up = d.activation(d.upscale_conv2(up))
    hyper = torch.stack([d.output_hypernetworks_mlps[i](out[:, 0, 1 + i]) for i in range(d.num_mask_tokens)], 1)
    return (hyper @ up.flatten(2)).view(n, -1, 4 * h, 4 * w).float(), d.iou_prediction_head(out[:, 0, 0]).float()


def losses(masks, iou_pred, target):
    """Focal and dice on the best of the three multimask outputs and on the single one; IoU error on all."""
    t = target[:, None]
    bce = F.binary_cross_entropy_with_logits(masks, t.expand_as(masks), reduction="none")
    p = masks.sigmoid()
    focal = ((p - t).abs() ** 2 * bce).mean((2, 3))
    dice = 1 - (2 * (p * t).sum((2, 3)) + 1) / (p.sum((2, 3)) + t.sum((2, 3)) + 1)
    each = 20 * focal + dice
    with torch.no_grad():
        a, b = masks > 0, t > 0.5
        iou = (a & b).sum((2, 3)) / (a | b).sum((2, 3)).clamp(min=1)
    best = each[:, 1:].min(1)
    # a small weight on all three keeps every token alive
    loss = best.values.mean() + 0.05 * each[:, 1:].mean() + 0.7 * each[:, 0].mean() + (iou_pred - iou).square().mean()
    return loss, iou, best.indices + 1


def pick(weights):
    """A random point in each row's weights [N,64,64], in pixels [N,2] as (x, y), and the cell it is in."""
    cell = torch.multinomial(weights.flatten(1) + 1e-9, 1)[:, 0]
    xy = torch.stack([cell % LOW, cell // LOW], 1)
    return (xy + torch.rand(len(xy), 2)) * 4 - 0.5, cell


def inner(target):
    """Cells of the target, half the time only those away from its edge where it has such."""
    solid = (target > 0.9).float()
    core = (F.avg_pool2d(solid[:, None], 5, 1, 2)[:, 0] > 0.97).float()
    use = (core.flatten(1).sum(1) > 0) & (torch.rand(len(target)) < 0.6)
    return torch.where(use[:, None, None], core, torch.where(solid.flatten(1).sum(1)[:, None, None] > 0, solid, target))


def first_prompt(target, boxes):
    kind = torch.rand(()).item()
    n = len(target)
    if kind < 0.45:
        size = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
        jitter = torch.randn(n, 4) * size * (0.03 if torch.rand(()) < 0.7 else 0.08)
        return dict(boxes=((boxes + jitter.clamp(-20, 20)).clamp(0, SIZE) - 0.5)[:, None])
    points, labels = [pick(inner(target))[0]], [torch.ones(n)]
    if kind > 0.9:
        points += [pick(inner(target))[0], pick((target < 0.1).float())[0]]
        labels += [torch.ones(n), torch.zeros(n)]
    return dict(points=torch.stack(points, 1)[:, None], labels=torch.stack(labels, 1)[:, None])


def next_prompt(prompt, logits, target):
    """The first prompt, a corrective point, and mostly the previous low-resolution logits."""
    truth = target > 0.5
    wrong = ((logits > 0) != truth).float()
    xy, cell = pick(torch.where(wrong.flatten(1).sum(1)[:, None, None] > 0, wrong, truth.float()))
    label = truth.flatten(1).gather(1, cell[:, None]).float()
    p = dict(prompt)
    p["points"] = torch.cat([prompt["points"], xy[:, None, None]], 2) if "points" in prompt else xy[:, None, None]
    p["labels"] = torch.cat([prompt["labels"], label[:, None]], 2) if "labels" in prompt else label[:, None]
    if torch.rand(()) < 0.7:
        p["mask"] = logits.clamp(-32, 32)[:, None]
    return p


# ----------------------------------------------------------------------------------------------- evaluation
def centre_point(mask):
    from scipy.ndimage import distance_transform_edt

    d = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(d.argmax(), d.shape)
    return float(x), float(y)


def box_of(mask):
    ys, xs = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    return [float(xs[0]), float(ys[0]), float(xs[-1]), float(ys[-1])]


def iou(a, b):
    return float((a & b).sum() / max(1, (a | b).sum()))


@torch.no_grad()
def evaluate(model, processor, items):
    """items: (image uint8 [H,W,3], [masks bool [H,W]]). Masks are compared at the image's own resolution."""
    names = (
        "point_best_by_predicted_iou",
        "point_oracle_of_3",
        "point_single_mask",
        "two_points_and_mask_single_mask",
        "box_best_by_predicted_iou",
        "box_oracle_of_3",
        "box_single_mask",
        "baseline_box_filled",
        "baseline_disc_at_point",
    )
    scores = {n: [] for n in names}
    for image, masks in items:
        inputs = processor(image, return_tensors="pt")
        size, shaped = inputs["original_sizes"], inputs["reshaped_input_sizes"]
        emb = model.get_image_embeddings(inputs["pixel_values"])
        k = float(shaped[0].max()) / max(image.shape[:2])
        yy, xx = np.mgrid[: image.shape[0], : image.shape[1]]

        def run(multi, **prompt):
            o = model(image_embeddings=emb, multimask_output=multi, **prompt)
            full = processor.post_process_masks(o.pred_masks, size, shaped)[0].numpy()
            return full, o.iou_scores[0], o.pred_masks[0]

        points = [centre_point(m) for m in masks]
        pts = torch.tensor(points)[None, :, None] * k
        one = torch.ones(1, len(masks), 1, dtype=torch.long)
        boxes = torch.tensor([box_of(m) for m in masks])[None] * k
        for prefix, prompt in (("point", dict(input_points=pts, input_labels=one)), ("box", dict(input_boxes=boxes))):
            full, est, _ = run(True, **prompt)
            single, _, low = run(False, **prompt)
            for i, m in enumerate(masks):
                each = [iou(full[i, j], m) for j in range(3)]
                scores[f"{prefix}_best_by_predicted_iou"].append(each[int(est[i].argmax())])
                scores[f"{prefix}_oracle_of_3"].append(max(each))
                scores[f"{prefix}_single_mask"].append(iou(single[i, 0], m))
                if prefix == "point":  # a second point in the middle of the larger error, with the first mask
                    wrong = single[i, 0] ^ m
                    if wrong.any():
                        x, y = centre_point(wrong)
                        p2 = torch.tensor([[list(points[i]), [x, y]]])[None] * k
                        l2 = torch.tensor([[[1, int(m[int(y), int(x)])]]])
                        again, _, _ = run(
                            False, input_points=p2, input_labels=l2, input_masks=low[i : i + 1].clamp(-32, 32)
                        )
                        scores["two_points_and_mask_single_mask"].append(iou(again[0, 0], m))
                    else:
                        scores["two_points_and_mask_single_mask"].append(1.0)
                else:
                    b = box_of(m)
                    scores["baseline_box_filled"].append(
                        iou((xx >= b[0]) & (xx <= b[2]) & (yy >= b[1]) & (yy <= b[3]), m)
                    )
                    x, y = points[i]
                    r = 0.15 * max(image.shape[:2])
                    scores["baseline_disc_at_point"].append(iou((xx - x) ** 2 + (yy - y) ** 2 <= r * r, m))
    return {
        "images": len(items),
        "segments": len(scores[names[0]]),
        **{n: round(float(np.mean(v)) * 100, 2) for n, v in scores.items()},
    }


def bsds_items(bsds, share=0.01):
    """Each photo with the segments of its first annotator that cover at least `share` of it."""
    return [
        (image, [segs[0] == i for i in np.unique(segs[0]) if (segs[0] == i).mean() >= share]) for image, segs in bsds
    ]


def composite_items(photos, shapes, n, seed=7):
    scenes = Scenes(photos, shapes, seed)
    items = []
    for _ in range(n):
        image, (h, w), masks = scenes.sample(natural=False)
        items.append((image[:h, :w], [m[:h, :w] for m in masks if m.mean() >= 0.01] or [masks[0][:h, :w]]))
    return items


@torch.no_grad()
def check(out, photos, test):
    """Reload the saved folder with transformers only, in float32; measure; write expected.json."""
    model = SamModel.from_pretrained(out, dtype=torch.float32, attn_implementation="eager").eval()
    processor = SamImageProcessor.from_pretrained(out)
    result = {
        "bsds500_test": evaluate(model, processor, bsds_items(test)),
        "held_out_composites": evaluate(model, processor, composite_items(photos[-100:], test, 100)),
    }
    pixels = recipe.sine(1, 3, SIZE, SIZE)
    emb = model.get_image_embeddings(pixels)
    pts, lab = torch.tensor([[[[120.0, 90.0], [40.0, 200.0]]]]), torch.tensor([[[1, 0]]])
    box = torch.tensor([[[30.0, 40.0, 200.0, 180.0]]])
    low = recipe.sine(1, 1, LOW, LOW, step=0.02) * 8
    cases = {
        "one_point": dict(input_points=pts[:, :, :1], input_labels=lab[:, :, :1]),
        "two_points": dict(input_points=pts, input_labels=lab),
        "box": dict(input_boxes=box),
        "box_and_point": dict(input_points=pts[:, :, :1], input_labels=lab[:, :, :1], input_boxes=box),
        "point_and_mask": dict(input_points=pts[:, :, :1], input_labels=lab[:, :, :1], input_masks=low),
    }
    outputs = {}
    for name, prompt in cases.items():
        for multi in (True, False):
            o = model(image_embeddings=emb, multimask_output=multi, **prompt)
            outputs[f"{name}{'' if multi else '_single'}"] = {
                "iou_scores": recipe.first(o.iou_scores),
                "pred_masks": recipe.summary(o.pred_masks),
            }
    recipe.write_json(
        Path(out) / "expected.json",
        {
            "made_with": "transformers, float32, from the saved float16 weights, eager attention",
            "pixel_values": {"shape": [1, 3, SIZE, SIZE], "formula": "sin(i*0.01), i = flat row-major index"},
            "input_points": pts.tolist(),
            "input_labels": lab.tolist(),
            "input_boxes": box.tolist(),
            "input_masks": {"shape": [1, 1, LOW, LOW], "formula": "8*sin(i*0.02)"},
            "note": "one_point, box_and_point and point_and_mask use the first point; "
            "points and boxes are pixels of the 256x256 input",
            "image_embeddings": recipe.summary(emb),
            "outputs": outputs,
        },
    )
    return result


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--photos", required=True)
    p.add_argument("--bsds", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--cache", default=".cache")
    p.add_argument("--minutes", type=float, default=32)
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--prompts", type=int, default=4, help="prompted masks an image")
    p.add_argument("--muon-lr", type=float, default=2e-3)
    p.add_argument("--adam-lr", type=float, default=1e-3)
    p.add_argument("--check", action="store_true")
    a = p.parse_args()
    recipe.setup()
    out = Path(a.out)
    photos, test = load_photos(a.photos, a.cache), load_bsds(a.bsds, "test")
    if a.check:
        print(json.dumps(check(out, photos, test), indent=1))
        return
    known = load_bsds(a.bsds, "train") + load_bsds(a.bsds, "val")
    SamImageProcessor(
        size={"longest_edge": SIZE},
        pad_size={"height": SIZE, "width": SIZE},
        mask_size={"longest_edge": LOW},
        mask_pad_size={"height": LOW, "width": LOW},
        image_mean=MEAN.tolist(),
        image_std=STD.tolist(),
    ).save_pretrained(out)
    processor = SamImageProcessor.from_pretrained(out)
    scenes = Scenes(photos[:-100], known, 1)
    model = new_model(torch.stack([pack(scenes.sample(), 1, scenes.rng)[0] for _ in range(200)]))
    print("parameters", sum(q.numel() for q in model.parameters()), flush=True)
    probe = bsds_items(test[::10])
    loader = iter(
        torch.utils.data.DataLoader(
            Stream(photos[:-100], known, a.prompts), batch_size=a.batch, num_workers=1, prefetch_factor=3
        )
    )
    matrix = lambda n: ("layers." in n or "final_attn" in n) and "rel_pos" not in n and "mask_embed" not in n
    optimizer = Optimizer(model.named_parameters(), matrix, a.muon_lr, a.adam_lr)
    clock, step, saved, sums = Clock(a.minutes), 0, 0.0, {}
    while clock.progress() < 1:
        pixels, target, boxes = next(loader)
        target, boxes = target.flatten(0, 1), boxes.flatten(0, 1)
        with bf16():
            emb = encode(model, pixels).repeat_interleave(a.prompts, 0)
            prompt = first_prompt(target, boxes)
            masks, est = decode(model, emb, **prompt)
            loss1, iou1, best = losses(masks, est, target)
            previous = torch.where(
                torch.rand(len(best), 1, 1) < 0.5, masks[torch.arange(len(best)), best], masks[:, 0]
            ).detach()
            half = lambda x: x[::2]
            prompt2 = next_prompt({k: half(v) for k, v in prompt.items()}, half(previous), half(target))
            masks, est = decode(model, half(emb), **prompt2)
            loss2, iou2, _ = losses(masks, est, half(target))
        (loss1 + 0.5 * loss2).backward()
        optimizer.step(clock.progress())
        step += 1
        key = "box" if "boxes" in prompt else "point"
        for n, v in (
            (key, iou1[:, 1:].max(1).values.mean()),
            (key + "0", iou1[:, 0].mean()),
            ("again0", iou2[:, 0].mean()),
            ("loss", loss1),
        ):
            sums.setdefault(n, []).append(v.item())
        if step % 50 == 0:
            print(
                f"{clock.elapsed():6.0f}s step {step} {step * a.batch / clock.elapsed():.1f} img/s "
                + " ".join(f"{n} {np.mean(v):.3f}" for n, v in sorted(sums.items())),
                flush=True,
            )
            sums = {}
        if clock.elapsed() - saved > 300 or step == 100:
            saved = clock.elapsed()
            recipe.save_half(model, out)
            print(f"{saved:6.0f}s eval {evaluate(model, processor, probe)}", flush=True)
    recipe.save_half(model, out)
    del loader
    print(json.dumps(check(out, photos, test), indent=1), flush=True)


if __name__ == "__main__":
    main()
