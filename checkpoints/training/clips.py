"""Clips made on the fly for train_sam2.py: textured shapes and cut-outs of photos that move, turn, grow and bend over a
photo that a moving camera sees, with look-alikes, objects that pass in front of others, and objects that leave and come
back; or a photo of BSDS500 with its segments, warped as if a camera moved. Which object each pixel shows is known.
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

from train_sam import MEAN, SIZE, STD, Scenes, load_bsds, load_photos

WORLD = 360  # side of the background, more than a frame shows
CELLS = 4  # a warp is bilinear in so many cells a side


@dataclass
class Motion:
    """Where a sprite (or the camera) is at each frame, in pixels of the world and of the sprite."""

    start: np.ndarray
    velocity: np.ndarray
    swing: np.ndarray  # amplitude of a sine in x and y
    period: float
    angle: float
    spin: float
    scale: float
    growth: float
    bend: float  # share of the sprite's side by which its parts are moved
    phase: np.ndarray = field(default_factory=lambda: np.zeros(4))

    def place(self, t):
        return self.start + self.velocity * t + self.swing * np.sin(2 * np.pi * t / self.period + self.phase[0])

    def matrix(self, t):
        """World offsets from `place` to offsets in the sprite."""
        a, s = self.angle + self.spin * t, self.scale * np.exp(self.growth * t)
        return np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) / s

    def bent(self, q, side, t):
        """Offsets in the sprite [..., 2], moved by waves that travel through it."""
        wave = np.sin(2 * np.pi * (q[..., ::-1] / side + t / (1.7 * self.period)) + self.phase[1:3])
        return q + self.bend * side * wave


def warp(image, size, source, resample):
    """`image` as seen through `source`, which gives places in it [n, n, 2] for the corners of the cells of a square."""
    edges = np.linspace(0, size, CELLS + 1).round().astype(int)
    data = []
    for i in range(CELLS):
        for j in range(CELLS):
            box = (int(edges[j]), int(edges[i]), int(edges[j + 1]), int(edges[i + 1]))
            corners = (source[i, j], source[i + 1, j], source[i + 1, j + 1], source[i, j + 1])
            data.append((box, [float(v) for corner in corners for v in corner]))
    return image.transform((size, size), Image.MESH, data, resample)


GRID = np.stack(np.meshgrid(*[np.linspace(0, SIZE, CELLS + 1)] * 2), -1)


class Clips(Scenes):
    """Endless clips: (frames uint8 [T, 256, 256, 3], owner int16 [T, 256, 256], numbers of what can be followed)."""

    def sprite(self):
        """A picture with transparency that about fills its box."""
        r = self.rng
        side = int(np.exp(r.uniform(np.log(36), np.log(150))))
        h, w = (max(20, int(side * np.exp(r.normal(0, 0.25)))) for _ in range(2))
        if r.random() < 0.4:
            cut = self.cut_out(h, w)
            if cut is not None:
                return cut
        alpha = self.shape(h, w)
        rgb = self.texture(h, w)
        if r.random() < 0.4:  # a part of another texture, so that an object is not one texture
            part = self.shape(h, w)[..., None] * (np.arange(h) < h * r.uniform(0.3, 0.7))[:, None, None]
            rgb = rgb + part * (self.texture(h, w) - rgb)
        return Image.fromarray(np.dstack([np.clip(rgb, 0, 255), alpha * 255]).astype(np.uint8), "RGBA")

    def cut_out(self, h, w):
        """A segment of a photo with its own pixels, or None where the photo has none of a fit size."""
        image, segs = self.bsds[self.rng.integers(len(self.bsds))]
        seg = segs[self.rng.integers(len(segs))]
        ids, count = np.unique(seg, return_counts=True)
        fit = ids[(count > 0.01 * seg.size) & (count < 0.3 * seg.size)]
        if len(fit) == 0:
            return None
        mask = seg == self.rng.choice(fit)
        ys, xs = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
        box = np.s_[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
        cut = Image.fromarray(np.dstack([image[box], mask[box] * np.uint8(255)]), "RGBA")
        return cut.resize((w, h), Image.BILINEAR)

    def motion(self, speed, frames):
        r = self.rng
        way = r.uniform(0, 2 * np.pi)
        return Motion(
            start=r.uniform(0.25 * SIZE, 0.75 * SIZE, 2) + (WORLD - SIZE) / 2,
            velocity=speed * r.uniform(0.2, 1) * np.array([np.cos(way), np.sin(way)]),
            swing=(r.random() < 0.5) * r.uniform(0, 4, 2) * speed,
            period=r.uniform(6, 24),
            angle=(r.random() < 0.5) * r.uniform(-0.6, 0.6),
            spin=(r.random() < 0.6) * r.normal(0, 0.012) * speed**0.5 * 2,
            scale=1.0,
            growth=(r.random() < 0.5) * float(np.clip(r.normal(0, 0.03), -0.9 / frames, 0.7 / frames)),
            bend=(r.random() < 0.6) * r.uniform(0, 0.07),
            phase=r.uniform(0, 2 * np.pi, 4),
        )

    def camera(self, speed, frames):
        r = self.rng
        moves = r.random() < 0.7
        pan = moves * r.normal(0, 0.5, 2) * speed
        pan = np.clip(pan, -28 / frames, 28 / frames)
        zoom = moves * r.normal(0, 0.008)
        return Motion(
            start=np.full(2, WORLD / 2) - pan * (frames - 1) / 2,
            velocity=pan,
            swing=(r.random() < 0.4) * r.uniform(0, 4, 2),
            period=r.uniform(5, 16),
            angle=0.0,
            spin=moves * float(np.clip(r.normal(0, 0.006), -0.12 / frames, 0.12 / frames)),
            scale=1.0,
            growth=float(np.clip(zoom, -0.1 / frames, 0.25 / frames)),
            bend=0.0,
            phase=r.uniform(0, 2 * np.pi, 4),
        )

    def actors(self, frames, speed):
        """[(sprite, motion)] from the back to the front."""
        r = self.rng
        actors = [(self.sprite(), self.motion(speed, frames)) for _ in range(r.integers(1, 5))]
        sprite, motion = actors[r.integers(len(actors))]
        if r.random() < 0.35:  # one that looks like it
            actors.insert(int(r.integers(len(actors) + 1)), (sprite, self.motion(speed, frames)))
        if r.random() < 0.4:  # one that passes before it
            other = self.motion(max(speed, 4) * 2, frames)
            at = r.integers(1, max(2, frames))
            other.start = other.start + motion.place(at) - other.place(at)
            actors.append((self.sprite(), other))
        if r.random() < 0.25:  # one that leaves, and is back before long
            gone = self.motion(speed, frames)
            away = np.sign(gone.start - WORLD / 2) * r.uniform(90, 170, 2) * (r.random(2) < 0.7)
            gone.swing, gone.period, gone.phase[0] = away, r.uniform(0.7, 1.6) * max(frames, 4), 0.0
            actors.append((self.sprite(), gone))
        return actors

    def background(self):
        """A square of the world's size, and which segment each pixel shows, from 1 on: 0 where that is unknown."""
        if self.rng.random() < self.share:
            image, segs = self.bsds[self.rng.integers(len(self.bsds))]
            seg = segs[self.rng.integers(len(segs))]
            box = self.square(*seg.shape)
            size = (WORLD, WORLD)
            picture = Image.fromarray(image).resize(size, Image.BILINEAR, box=box)
            return picture, Image.fromarray(seg.astype(np.int32) + 1).resize(size, Image.NEAREST, box=box)
        flat = self.texture(WORLD, WORLD) if self.rng.random() < 0.15 else self.crop(WORLD, WORLD, 0.5)
        return Image.fromarray(np.clip(flat, 0, 255).astype(np.uint8)), None

    def square(self, h, w):
        side = self.rng.uniform(0.7, 1) * min(h, w)
        x, y = self.rng.uniform(0, w - side), self.rng.uniform(0, h - side)
        return (x, y, x + side, y + side)

    def clip(self, frames):
        r = self.rng
        speed = np.exp(r.uniform(np.log(0.7), np.log(14)))
        picture, segments = self.background()
        if segments is not None and r.random() < 0.5:
            actors = []
        else:
            actors = self.actors(frames, speed)
        camera, bend = self.camera(speed, frames), self.motion(speed, frames)
        bend.bend *= 0.4
        light, noise = r.normal(0, 0.03) * (r.random() < 0.5), r.uniform(0, 6) * (r.random() < 0.4)
        blur = r.uniform(0.3, 0.9) if r.random() < 0.3 else 0
        images, owners = [], []
        for t in range(frames):
            world = camera.place(t) + (GRID - SIZE / 2) @ camera.matrix(t).T
            seen = bend.bent(world, WORLD, t)
            image = warp(picture, SIZE, seen, Image.BILINEAR)
            owner = np.zeros((SIZE, SIZE), np.int32)
            if segments is not None:
                owner = np.asarray(warp(segments, SIZE, seen, Image.NEAREST)).copy()
            for number, (sprite, motion) in enumerate(actors):
                side = max(sprite.size)
                offsets = (world - motion.place(t)) @ motion.matrix(t).T
                places = motion.bent(offsets, side, t) + np.array(sprite.size) / 2
                layer = warp(sprite, SIZE, places, Image.BILINEAR)
                image.paste(layer, (0, 0), layer)
                owner[np.asarray(layer)[..., 3] > 127] = 1000 + number
            if blur:
                image = image.filter(ImageFilter.GaussianBlur(blur))
            image = np.asarray(image).astype(np.float32) * (1 + light * t)
            if noise:
                image = image + r.normal(0, noise, image.shape)
            images.append(np.clip(image, 0, 255).astype(np.uint8))
            owners.append(owner.astype(np.int16))
        return np.stack(images), np.stack(owners), self.followed(owners[0], len(actors))

    def followed(self, owner, actors):
        """Numbers of what the first frame shows enough of, the moving ones first."""
        ids, count = np.unique(owner, return_counts=True)
        fit = (ids > 0) & (count > 0.006 * owner.size) & (count < 0.5 * owner.size)
        self.rng.shuffle(order := ids[fit])
        return sorted(order.tolist(), key=lambda i: i < 1000)

    def followable(self, frames):
        while True:
            images, owners, ids = self.clip(frames)
            if ids:
                return images, owners, ids


def pack(clip, objects, rng):
    """Normalised pixels [T, 3, 256, 256] and the masks [objects, T, 256, 256] of some of what can be followed."""
    images, owners, ids = clip
    moving = [i for i in ids if i >= 1000]
    pool = moving if moving and rng.random() < 0.7 else ids
    chosen = rng.choice(pool, objects, replace=len(pool) < objects)
    x = (images.astype(np.float32) / 255 - MEAN) / STD
    masks = np.stack([owners == i for i in chosen])
    return torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(masks)


def write(folder, photos, bsds, count, frames, seed):
    """Held clips in DAVIS's layout, as bench/follow.ts reads them: one object each, the first that can be followed."""
    clips = Clips(photos, bsds, seed)
    for number in range(count):
        images, owners, ids = clips.followable(frames)
        for kind in ("JPEGImages", "Annotations"):
            (Path(folder) / kind / "480p" / f"clip-{number}").mkdir(parents=True, exist_ok=True)
        for t, (image, owner) in enumerate(zip(images, owners)):
            place = Path("480p") / f"clip-{number}" / f"{t:05d}"
            Image.fromarray(image).save(Path(folder) / "JPEGImages" / place.with_suffix(".jpg"), quality=92)
            mask = Image.fromarray((owner == ids[0]).astype(np.uint8) * 255)
            mask.save(Path(folder) / "Annotations" / place.with_suffix(".png"))


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--photos", required=True)
    p.add_argument("--bsds", required=True)
    p.add_argument("--out", required=True, help="a folder for 10 held clips of 24 frames")
    p.add_argument("--cache", default=".cache")
    p.add_argument("--seed", type=int, default=11)
    a = p.parse_args()
    write(a.out, load_photos(a.photos, a.cache)[-100:], load_bsds(a.bsds, "test"), 10, 24, a.seed)
