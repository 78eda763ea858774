"""Shared pieces of the tiny-checkpoint trainers: data, augmentation, initialisation, optimiser, saving.

The trainers run on a CPU (2 threads). Speed comes from bf16 autocast, from `fast` attention below
(plain batched matmuls: at 65 tokens 8x faster than torch's bf16 flash backward on CPU), and from dropping
patch tokens during the first part of the training.
"""

import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def setup(seed=0, threads=2):
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    np.random.seed(seed)


def bf16():
    return torch.autocast("cpu", dtype=torch.bfloat16)


# ------------------------------------------------------------------------------------------------ attention
class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, scale):
        q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
        p = torch.softmax((q @ k.transpose(-1, -2)).mul_(scale), -1)
        ctx.save_for_backward(q, k, v, p)
        ctx.scale = scale
        return p @ v

    @staticmethod
    def backward(ctx, g):
        q, k, v, p = ctx.saved_tensors
        g = g.contiguous()
        dv = p.transpose(-1, -2) @ g
        ds = torch._softmax_backward_data(g @ v.transpose(-1, -2), p, -1, p.dtype).mul_(ctx.scale)
        return ds @ k, ds.transpose(-1, -2) @ q, dv, None


def fast_attention(module, q, k, v, attention_mask=None, scaling=None, dropout=0.0, **kwargs):
    assert attention_mask is None and dropout == 0.0
    scaling = q.shape[-1] ** -0.5 if scaling is None else scaling
    return _Attention.apply(q, k, v, scaling).transpose(1, 2).contiguous(), None


ALL_ATTENTION_FUNCTIONS.register("fast", fast_attention)


# ----------------------------------------------------------------------------------------------------- data
def load_cifar(root, split, cache):
    """CIFAR-10 from ROOT/SPLIT/CLASS/*.jpg as (uint8 [N,3,32,32], labels [N]); decoded once into CACHE."""
    from PIL import Image

    cached = Path(cache) / f"cifar-{split}.pt"
    if cached.exists():
        return torch.load(cached)
    images, labels = [], []
    for label, name in enumerate(CLASSES):
        for file in sorted((Path(root) / split / name).glob("*.jpg")):
            images.append(np.asarray(Image.open(file).convert("RGB")))
            labels.append(label)
    data = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels)
    cached.parent.mkdir(parents=True, exist_ok=True)
    torch.save(data, cached)
    return data


def crop_flip(images, pad=4):
    """Random crop of the reflect-padded image and random horizontal flip; uint8 or float [B,3,H,W]."""
    b, _, h, w = images.shape
    padded = F.pad(images.float(), (pad,) * 4, mode="reflect")
    ys = torch.randint(0, 2 * pad + 1, (b, 1, 1, 1)) + torch.arange(h).view(1, 1, h, 1)
    xs = torch.arange(w).view(1, 1, 1, w).expand(b, 1, 1, w)
    xs = torch.where(torch.rand(b, 1, 1, 1) < 0.5, w - 1 - xs, xs) + torch.randint(0, 2 * pad + 1, (b, 1, 1, 1))
    n = torch.arange(b).view(b, 1, 1, 1)
    c = torch.arange(3).view(1, 3, 1, 1)
    return padded[n, c, ys, xs]


def to_pixels(images, mean, std, size=64):
    """What the checkpoint's preprocessor does: bicubic resize to `size` (as PIL), 1/255, normalise."""
    x = F.interpolate(images.float(), size=(size, size), mode="bicubic", antialias=True).round().clamp(0, 255) / 255
    return (x - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)


def pooled(pixels):
    """Training sees 64x64 pixels through a 2x2 mean: CIFAR holds no finer detail (see expand_patch)."""
    return F.avg_pool2d(pixels, 2)


def expand_patch(weight):
    """4x4 filters on 2x2-pooled pixels as the equal 8x8 filters on full pixels. A model saved this way ignores
    the fine detail of a real photo that upsampled CIFAR images could never have taught it to read."""
    return weight.repeat_interleave(2, -1).repeat_interleave(2, -2) / 4


# ------------------------------------------------------------------------------------------- initialisation
def sincos_2d(grid, dim):
    omega = 1.0 / 10000 ** (torch.arange(dim // 4) / (dim / 4))
    y, x = torch.meshgrid(torch.arange(grid).float(), torch.arange(grid).float(), indexing="ij")
    a, b = y.reshape(-1, 1) * omega, x.reshape(-1, 1) * omega
    return torch.cat([a.sin(), a.cos(), b.sin(), b.cos()], 1)


def whitening_filters(pixels, patch, dim):
    """Patch-embedding filters [dim,3,patch,patch] whose outputs on `pixels` are decorrelated, of unit variance."""
    x = F.unfold(pixels, patch, stride=patch).transpose(1, 2).reshape(-1, 3 * patch * patch)
    x = x - x.mean(0)
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    values, vectors = values[-dim:], vectors[:, -dim:]
    white = vectors / (values + 1e-3 * values.max()).sqrt()  # small directions are noise: not blown up
    q = torch.linalg.qr(torch.randn(dim, len(values)))[0] * (dim / len(values)) ** 0.5
    return (q @ white.T).view(dim, 3, patch, patch)


def mimetic_attention(q, k, v, out, heads):
    """Mimetic initialisation (Trockman & Kolter 2023): Wq'Wk ~ 0.7Z + 0.7I in each head, WoWv ~ 0.4Z - 0.4I."""
    dim = q.weight.shape[1]
    head = dim // heads
    for h in range(heads):
        u, s, w = torch.linalg.svd(0.7 * torch.randn(dim, dim) / dim**0.5 + 0.7 * torch.eye(dim))
        rows = slice(h * head, (h + 1) * head)
        q.weight.data[rows] = (u[:, :head] * s[:head].sqrt()).T
        k.weight.data[rows] = w[:head] * s[:head, None].sqrt()
    u, s, w = torch.linalg.svd(0.4 * torch.randn(dim, dim) / dim**0.5 - 0.4 * torch.eye(dim))
    out.weight.data[:] = u * s.sqrt()
    v.weight.data[:] = w * s[:, None].sqrt()
    for m in (q, k, v, out):
        if m.bias is not None:
            m.bias.data.zero_()


# ------------------------------------------------------------------------------------------------ optimiser
class Optimizer:
    """Muon for the hidden matrices, AdamW for everything else; the learning rate follows elapsed time."""

    def __init__(self, named, is_matrix, muon_lr, adam_lr, wd=0.05, warmup=0.03, betas=(0.9, 0.98)):
        named = [(n, p) for n, p in named if p.requires_grad]
        muon = [p for n, p in named if p.ndim == 2 and is_matrix(n)]
        rest = [p for n, p in named if not (p.ndim == 2 and is_matrix(n))]
        self.params, self.warmup = muon + rest, warmup
        self.opts = (
            [
                (
                    torch.optim.Muon(muon, lr=muon_lr, weight_decay=wd, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
                    muon_lr,
                )
            ]
            if muon
            else []
        )
        self.opts.append(
            (
                torch.optim.AdamW(
                    [
                        {"params": [p for p in rest if p.ndim > 1], "weight_decay": wd},
                        {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
                    ],
                    lr=adam_lr,
                    betas=betas,
                ),
                adam_lr,
            )
        )

    def step(self, progress, clip=1.0):
        scale = min(progress / self.warmup, 1.0) * min(1.0, max(0.0, 1.0 - progress) / (1.0 - self.warmup))
        norm = torch.nn.utils.clip_grad_norm_(self.params, clip)
        for opt, lr in self.opts:
            for group in opt.param_groups:
                group["lr"] = lr * scale
            opt.step()
            opt.zero_grad(set_to_none=True)
        return float(norm)


class Clock:
    """Progress 0..1 of a training that ends after `minutes`, whatever else the machine is doing."""

    def __init__(self, minutes):
        self.start, self.seconds = time.time(), minutes * 60

    def elapsed(self):
        return time.time() - self.start

    def progress(self):
        return self.elapsed() / self.seconds


# --------------------------------------------------------------------------------------------------- saving
def save_half(model, out):
    """Save a float16 copy of the model's weights in Hugging Face format; leaves the model as it was."""
    import copy

    copy.deepcopy(model).half().save_pretrained(out)


def write_json(path, value):
    Path(path).write_text(json.dumps(value, indent=2) + "\n")


def sine(*shape, step=0.01, phase=0.0):
    """The formula inputs of expected.json: value[i] = sin(i*step + phase), i the flat row-major index."""
    n = math.prod(shape)
    return torch.sin(torch.arange(n, dtype=torch.float64) * step + phase).float().view(*shape)


def first(tensor, n=16):
    return [float(f"{v:.7g}") for v in tensor.detach().float().flatten()[:n]]


def summary(tensor, n=16):
    t = tensor.detach().float()
    return {"shape": list(t.shape), "first": first(t, n), "mean": float(t.mean()), "std": float(t.std())}
