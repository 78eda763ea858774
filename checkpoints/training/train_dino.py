"""Train tiny-dino: a ViTModel (no pooler) of 2.7 M parameters, by self-distillation on CIFAR-10 images without labels.

    python train_dino.py --cifar DIR --out DIR [--minutes 22] [--cache DIR]
    python train_dino.py ... --check     # only reload the saved checkpoint, measure it, write expected.json
    python train_dino.py ... --baselines # the same measures for raw pixels and untrained networks

A student sees two global crops, of which it keeps --keep patch tokens each, and small local crops; a teacher (the
moving average of the student) sees the whole global crops. The student predicts the teacher's assignment to
prototypes in the other crops: the teacher's scores are centred over the batch (Sinkhorn-Knopp, as in DINOv2) and
sharpened. Labels are used only by the evaluation: k-NN and linear probes on the CLS output.
"""

import argparse
import copy
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from transformers import ViTConfig, ViTImageProcessor, ViTModel

import recipe
from recipe import Clock, Optimizer, bf16

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


# ----------------------------------------------------------------------------------------------------- data
def halves(images):
    """The images as the network's training form: the preprocessor's 64x64 pixels through a 2x2 mean, float16."""
    return torch.cat([recipe.pooled(recipe.to_pixels(b, MEAN, STD)).half() for b in images.split(1000)])


def crops(x, size, scale):
    """Random resized crops and flips of float [B,3,32,32], to [B,3,size,size]."""
    b = len(x)
    area = torch.empty(b).uniform_(*scale)
    ratio = torch.empty(b).uniform_(-0.28, 0.28).exp()
    h, w = (area / ratio).sqrt().clamp(max=1), (area * ratio).sqrt().clamp(max=1)
    theta = torch.zeros(b, 2, 3)
    theta[:, 0, 0] = w * torch.where(torch.rand(b) < 0.5, 1.0, -1.0)
    theta[:, 1, 1] = h
    theta[:, 0, 2] = (torch.rand(b) * 2 - 1) * (1 - w)
    theta[:, 1, 2] = (torch.rand(b) * 2 - 1) * (1 - h)
    return F.grid_sample(
        x,
        F.affine_grid(theta, (b, 3, size, size), align_corners=False),
        mode="bilinear",
        padding_mode="reflection",
        align_corners=False,
    )


def colour(x):
    """Colour jitter on normalised pixels: brightness, contrast, saturation, hue (8 in 10) and gray (2 in 10)."""
    b = len(x)
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    y = x * std + mean
    r = lambda lo, hi: torch.empty(b, 1, 1, 1).uniform_(lo, hi)
    y = y * r(0.6, 1.4)
    m = y.mean((1, 2, 3), keepdim=True)
    y = (y - m) * r(0.6, 1.4) + m
    gray = (y * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    to = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    angle = r(-0.6, 0.6).view(b)
    turn = torch.zeros(b, 3, 3)
    turn[:, 0, 0], turn[:, 1, 1], turn[:, 2, 2] = 1, angle.cos(), angle.cos()
    turn[:, 1, 2], turn[:, 2, 1] = -angle.sin(), angle.sin()
    y = torch.einsum("bij,bjhw->bihw", torch.linalg.inv(to) @ turn @ to, y)
    y = gray + (y - gray) * r(0.6, 1.4)
    z = torch.where(torch.rand(b, 1, 1, 1) < 0.8, y, x * std + mean)
    z = torch.where(torch.rand(b, 1, 1, 1) < 0.2, gray.expand_as(z), z)
    return (z.clamp(0, 1) - mean) / std


# ---------------------------------------------------------------------------------------------------- model
def new_model(image_size, patch, sample=None):
    model = ViTModel(
        ViTConfig(
            hidden_size=192,
            num_hidden_layers=6,
            num_attention_heads=3,
            intermediate_size=768,
            image_size=image_size,
            patch_size=patch,
            layer_norm_eps=1e-6,
            qkv_bias=True,
        ),
        add_pooling_layer=False,
    )
    if sample is not None:
        e = model.embeddings
        e.patch_embeddings.projection.weight.data = recipe.whitening_filters(sample, patch, 192)
        e.patch_embeddings.projection.bias.data.zero_()
        e.position_embeddings.data[0, 1:] = recipe.sincos_2d(image_size // patch, 192)
        e.position_embeddings.data[0, 0] = 0
        e.cls_token.data.mul_(0.5)
        for layer in model.layers:
            a = layer.attention
            recipe.mimetic_attention(a.q_proj, a.k_proj, a.v_proj, a.o_proj, 3)
    model.config._attn_implementation = "fast"
    return model


def forward(vit, x, keep=None):
    """Last hidden state for crops of any size; keep: random patch tokens kept in each."""
    t = vit.embeddings(x, interpolate_pos_encoding=True)
    if keep:
        order = torch.rand(len(t), t.shape[1] - 1).argsort(1)[:, :keep] + 1
        t = torch.cat([t[:, :1], t.gather(1, order[..., None].expand(-1, -1, t.shape[2]))], 1)
    for layer in vit.layers:
        t = layer(t)
        t = t[0] if isinstance(t, tuple) else t
    return vit.layernorm(t)


class Head(nn.Module):
    def __init__(self, dim=192, hidden=512, bottleneck=128, prototypes=512):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, bottleneck)
        )
        self.prototypes = nn.Parameter(F.normalize(torch.randn(prototypes, bottleneck), dim=1))

    def forward(self, x):
        return F.normalize(self.mlp(x).float(), dim=-1) @ F.normalize(self.prototypes, dim=1).T


@torch.no_grad()
def sinkhorn(scores, temperature, rounds=3):
    """Soft assignments [N,K] in which all prototypes are used equally over the batch."""
    q = torch.exp((scores - scores.max()) / temperature).T
    for _ in range(rounds):
        q = q / q.sum(1, keepdim=True).clamp(min=1e-12) / len(q)
        q = q / q.sum(0, keepdim=True).clamp(min=1e-12) / q.shape[1]
    return (q / q.sum(0, keepdim=True)).T


def koleo(x):
    """Spreads the batch's features: minus the mean log distance to the nearest neighbour."""
    x = F.normalize(x.float(), dim=-1)
    with torch.no_grad():
        s = x @ x.T
        near = s.fill_diagonal_(-2).argmax(1)
    return -torch.log((x - x[near]).norm(dim=1) + 1e-4).mean()


def export(model, out):
    full = new_model(64, 8)
    state, key = model.state_dict(), "embeddings.patch_embeddings.projection.weight"
    full.load_state_dict({**state, key: recipe.expand_patch(state[key])})
    recipe.save_half(full, out)


# ----------------------------------------------------------------------------------------------- evaluation
@torch.no_grad()
def knn(train, labels, test, test_labels, k=20, temperature=0.07):
    """Weighted k-NN accuracy with cosine similarity, as in DINO."""
    train, test = F.normalize(train, dim=1), F.normalize(test, dim=1)
    right = 0
    for x, y in zip(test.split(1000), test_labels.split(1000)):
        s, i = (x @ train.T).topk(k, dim=1)
        votes = torch.zeros(len(x), 10).scatter_add_(1, labels[i], (s / temperature).exp())
        right += int((votes.argmax(1) == y).sum())
    return round(100 * right / len(test), 2)


def fit(x, y, decay, steps):
    w, b = torch.zeros(x.shape[1], 10, requires_grad=True), torch.zeros(10, requires_grad=True)
    opt = torch.optim.LBFGS([w, b], max_iter=steps, history_size=10, line_search_fn="strong_wolfe")

    def closure():
        opt.zero_grad()
        loss = F.cross_entropy(x @ w + b, y) + decay * w.square().sum()
        loss.backward()
        return loss

    opt.step(closure)
    return w.detach(), b.detach()


def linear(train, labels, test, test_labels, share, steps=150):
    """Multinomial logistic regression on a balanced share of the labels; the decay is chosen on a fifth of them."""
    g = torch.Generator().manual_seed(0)
    index = torch.cat(
        [
            (labels == c).nonzero()[:, 0][torch.randperm(int((labels == c).sum()), generator=g)][
                : round(share * int((labels == c).sum()))
            ]
            for c in range(10)
        ]
    )
    index = index[torch.randperm(len(index), generator=g)]
    x, y = train[index], labels[index]
    mean, std = x.mean(0), x.std(0) + 1e-3
    x, t = (x - mean) / std, (test - mean) / std
    score = lambda wb, x, y: float(((x @ wb[0] + wb[1]).argmax(1) == y).float().mean())
    cut = len(x) // 5
    part = slice(cut, cut + 8000)
    best = max((1e-4, 1e-3, 1e-2, 1e-1), key=lambda d: score(fit(x[part], y[part], d, steps // 2), x[:cut], y[:cut]))
    return round(100 * score(fit(x, y, best, steps), t, test_labels), 2)


@torch.no_grad()
def features(fn, images):
    cls, mean = [], []
    for b in images.split(500):
        h = fn(b)
        cls.append(h[:, 0].float())
        mean.append(h[:, 1:].float().mean(1))
    return torch.cat(cls), torch.cat(mean)


def measure(train, labels, test, test_labels):
    r = {"knn_20": knn(train, labels, test, test_labels)}
    for share in (0.01, 0.1, 1.0):
        r[f"linear_{share:.0%}_labels"] = linear(train, labels, test, test_labels, share)
    return r


def check(out, images, labels, test, test_labels):
    """Reload the saved folder with transformers only, in float32; measure; write expected.json."""
    model = ViTModel.from_pretrained(
        out, dtype=torch.float32, attn_implementation="eager", add_pooling_layer=False
    ).eval()
    processor = ViTImageProcessor.from_pretrained(out)
    some = test[::500]
    theirs = processor([i.permute(1, 2, 0).numpy() for i in some], return_tensors="pt").pixel_values
    result = {"preprocessor_max_difference": float((theirs - recipe.to_pixels(some, MEAN, STD)).abs().max())}
    fn = lambda m: lambda b: m(pixel_values=recipe.to_pixels(b, MEAN, STD)).last_hidden_state
    b, bm = features(fn(model), test)
    with bf16():  # the 50000 reference images only, to save time
        model.config._attn_implementation = "fast"
        a, am = features(lambda b: forward(model, recipe.to_pixels(b, MEAN, STD)), images)
        model.config._attn_implementation = "eager"
    result["tiny-dino CLS"] = measure(a, labels, b, test_labels)
    result["tiny-dino CLS + mean of patches"] = measure(
        torch.cat([a, am], 1), labels, torch.cat([b, bm], 1), test_labels
    )
    with torch.no_grad():
        o = model(pixel_values=recipe.sine(1, 3, 64, 64), output_hidden_states=True)
        big = model(pixel_values=recipe.sine(1, 3, 96, 96), interpolate_pos_encoding=True)
        att = model(pixel_values=recipe.sine(1, 3, 64, 64), output_attentions=True).attentions[-1]
    recipe.write_json(
        Path(out) / "expected.json",
        {
            "made_with": "transformers, float32, from the saved float16 weights, eager attention",
            "pixel_values": {"shape": [1, 3, 64, 64], "formula": "sin(i*0.01), i = flat row-major index"},
            "last_hidden_state": recipe.summary(o.last_hidden_state),
            "hidden_states": [recipe.summary(h) for h in o.hidden_states],
            "cls_attention_last_layer": {
                "note": "attention of the CLS query to the 64 patches, per head",
                **recipe.summary(att[0, :, 0, 1:]),
            },
            "interpolated": {
                "pixel_values": {"shape": [1, 3, 96, 96], "formula": "sin(i*0.01)"},
                "note": "interpolate_pos_encoding=True (bicubic, align_corners=False)",
                "last_hidden_state": recipe.summary(big.last_hidden_state),
            },
        },
    )
    return result


def baselines(images, labels, test, test_labels):
    """The same measures for raw pixels (32x32) and for networks that were never trained."""
    x, t = halves(images), halves(test)
    result = {"raw pixels": measure(x.float().flatten(1), labels, t.float().flatten(1), test_labels)}
    recipe.setup()
    for name, random in (
        ("random-init ViT (transformers' default)", new_model(32, 4)),
        ("untrained network with this recipe's initialisation", new_model(32, 4, x[::25].float())),
    ):
        print(json.dumps(result), flush=True)
        with bf16():
            (a, am), (b, bm) = (features(lambda v: forward(random, v.float()), q) for q in (x, t))
        result[name + ", CLS"] = measure(a, labels, b, test_labels)
        if "recipe" in name:
            result[name + ", CLS + mean of patches"] = measure(
                torch.cat([a, am], 1), labels, torch.cat([b, bm], 1), test_labels
            )
    return result


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cifar", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--cache", default=".cache")
    p.add_argument("--minutes", type=float, default=22)
    p.add_argument("--batch", type=int, default=192)
    p.add_argument("--keep", type=int, default=28, help="patch tokens the student keeps of each global crop")
    p.add_argument("--locals", type=int, default=2)
    p.add_argument("--muon-lr", type=float, default=1.5e-3)
    p.add_argument("--adam-lr", type=float, default=1e-3)
    p.add_argument("--check", action="store_true")
    p.add_argument("--baselines", action="store_true", help="only measure raw pixels and untrained networks")
    a = p.parse_args()
    recipe.setup()
    out = Path(a.out)
    images, labels = recipe.load_cifar(a.cifar, "train", a.cache)
    test, test_labels = recipe.load_cifar(a.cifar, "test", a.cache)
    if a.check:
        print(json.dumps(check(out, images, labels, test, test_labels), indent=1))
        return
    if a.baselines:
        print(json.dumps(baselines(images, labels, test, test_labels), indent=1))
        return
    x = halves(images)
    probe, probe_labels = halves(test[::5]), test_labels[::5]
    ViTImageProcessor(size={"height": 64, "width": 64}, resample=3, image_mean=MEAN, image_std=STD).save_pretrained(out)
    student, head = new_model(32, 4, x[::25].float()), Head()
    teacher, teacher_head = copy.deepcopy(student).requires_grad_(False), copy.deepcopy(head).requires_grad_(False)
    print("parameters", sum(q.numel() for q in student.parameters()), flush=True)
    named = [*student.named_parameters(), *(("head." + n, q) for n, q in head.named_parameters())]
    optimizer = Optimizer(
        named,
        lambda n: n.startswith("layers.") or (n.startswith("head.mlp") and n.endswith("weight")),
        a.muon_lr,
        a.adam_lr,
        warmup=0.05,
    )
    clock, step, saved, sums = Clock(a.minutes), 0, 0.0, []
    order = torch.randperm(len(x))
    while clock.progress() < 1:
        start = (step * a.batch) % (len(x) - a.batch)
        if start < a.batch:
            order = torch.randperm(len(x))
        batch = x[order[start : start + a.batch]].float()
        globals_ = [colour(crops(batch, 32, (0.35, 1.0))) for _ in range(2)]
        small = torch.cat([colour(crops(batch, 16, (0.12, 0.35))) for _ in range(a.locals)])
        progress = clock.progress()
        with bf16():
            with torch.no_grad():
                scores = teacher_head(forward(teacher, torch.cat(globals_))[:, 0])
                target = sinkhorn(scores, 0.05).chunk(2)
            g = forward(student, torch.cat(globals_), a.keep)[:, 0]
            l = forward(student, small)[:, 0]
            predicted = [F.log_softmax(s / 0.1, 1) for s in head(torch.cat([g, l])).chunk(2 + a.locals)]
        pairs = [-(t * s).sum(1).mean() for i, t in enumerate(target) for j, s in enumerate(predicted) if i != j]
        loss = sum(pairs) / len(pairs)
        total = loss + 0.05 * sum(koleo(f) for f in g.chunk(2))
        total.backward()
        optimizer.step(progress)
        momentum = 1 - (1 - 0.985) * max(0.05, 1 - progress)
        with torch.no_grad():
            for t, s in ((teacher, student), (teacher_head, head)):
                torch._foreach_lerp_(list(t.parameters()), list(s.parameters()), 1 - momentum)
        step += 1
        sums.append(loss.item())
        if step % 50 == 0:
            print(
                f"{clock.elapsed():6.0f}s step {step} epoch {step * a.batch / len(x):.2f} "
                f"loss {sum(sums) / len(sums):.3f} {step * a.batch / clock.elapsed():.0f} img/s",
                flush=True,
            )
            sums = []
        if clock.elapsed() - saved > 240 or step == 100:
            saved = clock.elapsed()
            with bf16():
                train_f, probe_f = (features(lambda v: forward(teacher, v.float()), q)[0] for q in (x[::5], probe))
            print(
                f"{saved:6.0f}s eval (10000 train, 2000 test images) "
                f"knn {knn(train_f, labels[::5], probe_f, probe_labels)}",
                flush=True,
            )
            export(teacher, out)
    export(teacher, out)
    print(json.dumps(check(out, images, labels, test, test_labels), indent=1), flush=True)


if __name__ == "__main__":
    main()
