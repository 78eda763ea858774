"""Train tiny-sam2: a Sam2VideoModel of about 4 M parameters that segments pictures and follows objects through videos.

    python train_sam2.py --photos DIR --bsds DIR --sam ../tiny-sam --out DIR [--minutes 100] [--cache DIR]
    python train_sam2.py ... --go-on --minutes 27 --pictures 0 --masks 0.6 --frames 6 8 --muon-lr 1.5e-3 --adam-lr 8e-4
    python measure_sam2.py ...            # measures the saved checkpoint, writes expected.json

PHOTOS and BSDS as for train_sam.py. First pictures (a prompt, then a corrective point), as there; then clips of
clips.py, of 4 to 8 frames: a prompt in the first frame, the memory of each frame for those after it, in some clips a
corrective point later. Prompt encoder and mask decoder start as those of tiny-sam. The last 100 photos and BSDS500's
test photos are held out.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

import recipe
from clips import Clips
from clips import pack as pack_clip
from recipe import Clock, Optimizer, bf16
from tiny_sam2 import decode, encode, follow, new_model
from train_sam import LOW, Scenes, centre_point, first_prompt, load_bsds, load_photos, losses, next_prompt, pack

PICTURES = 0.22  # share of the time that goes to pictures


# -------------------------------------------------------------------------------------------------- losses
def followed_losses(masks, estimates, score, chosen, target, isfirst):
    """Focal, dice and IoU loss where the object is in the frame, whether it is everywhere; J of the chosen masks."""
    area = target.flatten(1).sum(1)
    there = area > 2
    sure = (there | (area == 0)).float()
    loss = (F.binary_cross_entropy_with_logits(score[:, 0], there.float(), reduction="none") * sure).mean()
    if there.any():
        part = (losses if isfirst else tracked_loss)(masks[there], estimates[there], target[there])[0]
        loss = loss + there.float().mean() * part
    with torch.no_grad():
        found = score[:, 0] > 0
        a, b = masks[torch.arange(len(masks)), chosen] > 0, target > 0.5
        iou = (a & b).flatten(1).sum(1) / (a | b).flatten(1).sum(1).clamp(min=1)
        j = torch.where(there, iou * found, (~found).float())
    return loss, j[sure > 0]


def tracked_loss(masks, estimates, target):
    """Where nothing is shown the best of three masks counts, as in SAM 2, and the estimate that chooses it."""
    m, t = masks[:, 1:], target[:, None]
    bce = F.binary_cross_entropy_with_logits(m, t.expand_as(m), reduction="none")
    p = m.sigmoid()
    focal = ((p - t).abs() ** 2 * bce).mean((2, 3))
    dice = 1 - (2 * (p * t).sum((2, 3)) + 1) / (p.sum((2, 3)) + t.sum((2, 3)) + 1)
    each = 20 * focal + dice
    with torch.no_grad():
        a, b = m > 0, t > 0.5
        iou = (a & b).sum((2, 3)) / (a | b).sum((2, 3)).clamp(min=1)
    return each.min(1).values.mean() + 0.1 * each.mean() + (estimates[:, 1:] - iou).square().mean(), iou


def boxes_of(masks):
    boxes = []
    for m in masks.numpy():
        ys, xs = np.nonzero(m.any(1))[0], np.nonzero(m.any(0))[0]
        boxes.append([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1])
    return torch.tensor(boxes, dtype=torch.float32)


def clip_step(model, pixels, masks, mask_share):
    """The loss of a batch of clips, the sums of what is printed: masks bool [B, K, T, 256, 256]."""
    k, frames = masks.shape[1:3]
    masks = masks.flatten(0, 1)
    target = masks.unflatten(2, (LOW, 4)).unflatten(4, (LOW, 4)).float().mean((3, 5))
    kind = torch.rand(()).item()
    corrected = int(torch.randint(1, frames, ())) if torch.rand(()) < 0.25 else 0

    def prompts(t, low):
        if t == 0:
            if kind < mask_share:  # from an exact mask following is learnt soonest
                return dict(as_output=masks[:, 0, None].float())
            return first_prompt(target[:, 0], boxes_of(masks[:, 0]))
        if t == corrected and (target[:, t].flatten(1).sum(1) > 2).all():
            more = next_prompt({}, low, target[:, t])
            more.pop("mask", None)
            return more
        return None

    total, found = 0, []
    for t, (m, e, s, chosen) in enumerate(follow(model, pixels, prompts, k)):
        loss, j = followed_losses(m, e, s, chosen, target[:, t], t == 0)
        total = total + loss * (0.5 if t == 0 else 1)
        found.append(j)
    return total / (frames - 0.5), found[0].mean().item(), torch.cat(found[1:]).mean().item()


def picture_step(model, pixels, target, boxes):
    """A prompt, then for half of the masks a corrective point, as train_sam.py has it."""
    k = target.shape[1]
    target, boxes = target.flatten(0, 1), boxes.flatten(0, 1)
    s0, s1, features = (x.repeat_interleave(k, 0) for x in encode(model, pixels))
    embedding = features + model.no_memory_embedding.view(1, -1, 1, 1)
    prompt = first_prompt(target, boxes)
    masks, estimates, _, score = decode(model, embedding, (s0, s1), **prompt)
    loss1, iou1, best = losses(masks, estimates, target)
    there = F.binary_cross_entropy_with_logits(score, torch.ones_like(score))
    one = torch.where(torch.rand(len(best), 1, 1) < 0.5, masks[torch.arange(len(best)), best], masks[:, 0]).detach()
    half = lambda x: x[::2]
    prompt2 = next_prompt({n: half(v) for n, v in prompt.items()}, half(one), half(target))
    masks, estimates, _, _ = decode(model, half(embedding), (half(s0), half(s1)), **prompt2)
    loss2, iou2, _ = losses(masks, estimates, half(target))
    return loss1 + 0.5 * loss2 + 0.1 * there, iou1[:, 1:].max(1).values.mean().item(), iou2[:, 0].mean().item()


# ------------------------------------------------------------------------------------------------- training
class Pictures(torch.utils.data.IterableDataset):
    def __init__(self, photos, bsds, batch, prompts):
        self.parts = photos, bsds, batch, prompts

    def __iter__(self):
        torch.set_num_threads(1)
        photos, bsds, batch, prompts = self.parts
        scenes = Scenes(photos, bsds, time.time_ns() % 2**32)
        while True:
            rows = [pack(scenes.sample(), prompts, scenes.rng) for _ in range(batch)]
            yield tuple(torch.stack(x) for x in zip(*rows))


class ClipBatches(torch.utils.data.IterableDataset):
    def __init__(self, photos, bsds, batch, objects, frames):
        self.parts = photos, bsds, batch, objects, frames

    def __iter__(self):
        torch.set_num_threads(1)
        photos, bsds, batch, objects, frames = self.parts
        clips = Clips(photos, bsds, time.time_ns() % 2**32)
        while True:
            count = frames.value
            rows = [pack_clip(clips.followable(count), objects, clips.rng) for _ in range(batch)]
            yield tuple(torch.stack(x) for x in zip(*rows))


def loader_of(dataset):
    return iter(torch.utils.data.DataLoader(dataset, batch_size=None, num_workers=1, prefetch_factor=3))


@torch.no_grad()
def probe(model, clips):
    """Mean J over the frames after the first, from a click there: of the model, and of the first mask repeated."""
    followed, repeated = [], []
    for pixels, masks in clips:
        target = masks.unflatten(2, (LOW, 4)).unflatten(4, (LOW, 4)).float().mean((3, 5))
        state = torch.random.get_rng_state()
        torch.manual_seed(0)
        click = lambda t, _: centre_clicks(masks[:, 0]) if t == 0 else None
        for t, (m, _, score, chosen) in enumerate(follow(model, pixels[None], click, len(masks))):
            if t == 0:
                continue
            truth = target[:, t] > 0.5
            mine = (m[torch.arange(len(m)), chosen] > 0) & (score[..., None] > 0)
            for guess, scores in ((mine, followed), (target[:, 0] > 0.5, repeated)):
                union = (guess | truth).flatten(1).sum(1)
                scores += torch.where(union > 0, (guess & truth).flatten(1).sum(1) / union.clamp(min=1), 1.0).tolist()
        torch.random.set_rng_state(state)
    return f"J {100 * np.mean(followed):.1f}, the first mask repeated {100 * np.mean(repeated):.1f}"


def centre_clicks(masks):
    points = torch.tensor([centre_point(m.numpy()) for m in masks])
    return dict(points=points[:, None, None].float(), labels=torch.ones(len(masks), 1, 1))


class Together:
    """Processes that train the same model, each on batches of its own: on a machine with other work on it, a step of
    two threads waits on whichever thread was put off, many times a step; two processes do so once."""

    def __init__(self, rank, count, model):
        torch.manual_seed(rank)
        self.rank, self.count, self.params = rank, count, [p for p in model.parameters() if p.requires_grad]
        if count > 1:
            store = torch.distributed.TCPStore("127.0.0.1", 29521, count, rank == 0)
            torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=count)

    def agree(self, progress):
        """Has the gradients be the mean of all processes', and tells the mean progress."""
        if self.count == 1:
            return progress
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.params]
        used = torch.tensor([float(p.grad is not None) for p in self.params] + [progress])
        flat = torch.cat([g.flatten() for g in grads] + [used])
        torch.distributed.all_reduce(flat)
        start = 0
        flat, used = flat[: -len(used)] / self.count, flat[-len(used) :]
        for p, isused in zip(self.params, used):
            p.grad = flat[start : start + p.numel()].view_as(p).clone() if isused else None
            start += p.numel()
        return used[-1].item() / self.count


def train(rank, a, model, photos, known, held):
    torch.set_num_threads(1)
    together = Together(rank, a.processes, model)
    say = lambda *words: print(*words, flush=True) if rank == 0 else None
    matrix = lambda n: ("layers." in n or "blocks." in n or "final_attn" in n) and "mask_embed" not in n
    optimizer = Optimizer(model.named_parameters(), matrix, a.muon_lr, a.adam_lr)
    frames = torch.multiprocessing.Value("i", a.frames[0])
    loader, isclips = loader_of(Pictures(photos, known, 12, 4)), False
    clock, step, saved, sums, progress = Clock(a.minutes), 0, 0.0, [], 0.0
    while progress < 1:
        if progress > a.pictures and not isclips:
            del loader
            loader, isclips = loader_of(ClipBatches(photos, known, a.batch, a.objects, frames)), True
        least, most = a.frames
        part = (progress - a.pictures) / (0.85 - a.pictures)
        frames.value = least + int((most + 1 - least) * min(0.999, max(0, part)))
        with bf16():
            batch = next(loader)
            loss, first, then = clip_step(model, *batch, a.masks) if isclips else picture_step(model, *batch)
        loss.backward()
        progress = together.agree(clock.progress())
        optimizer.step(min(progress, 1.0))
        step += 1
        sums.append((loss.item(), first, then))
        if step % 25 == 0:
            told = " ".join(f"{v:.3f}" for v in np.mean(sums, 0))
            say(f"{clock.elapsed():6.0f}s step {step} {'clips' if isclips else 'pictures'} {told}")
            sums = []
        if rank == 0 and clock.elapsed() - saved > 300:
            saved = clock.elapsed()
            recipe.save_half(model, a.out)
            if isclips and a.probe:
                say(f"{saved:6.0f}s held clips: {probe(model, held)}")
    if rank == 0:
        recipe.save_half(model, a.out)
        say(f"{clock.elapsed():6.0f}s step {step}, held clips: {probe(model, held)}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--photos", required=True)
    p.add_argument("--bsds", required=True)
    p.add_argument("--sam", default="../tiny-sam", help="the folder of tiny-sam")
    p.add_argument("--out", required=True)
    p.add_argument("--cache", default=".cache")
    p.add_argument("--minutes", type=float, default=100)
    p.add_argument("--pictures", type=float, default=PICTURES, help="share of the time")
    p.add_argument("--go-on", action="store_true", help="from the weights that OUT has")
    p.add_argument("--probe", action="store_true", help="measure on held clips every five minutes, not only at the end")
    p.add_argument("--batch", type=int, default=2, help="clips a step")
    p.add_argument("--objects", type=int, default=3, help="objects a clip")
    p.add_argument("--masks", type=float, default=0.4, help="share of clips that begin with a mask")
    p.add_argument("--frames", type=int, nargs=2, default=[4, 8], help="of a clip, at first and in the end")
    p.add_argument("--processes", type=int, default=2, help="of one thread each")
    p.add_argument("--muon-lr", type=float, default=2e-3)
    p.add_argument("--adam-lr", type=float, default=1e-3)
    a = p.parse_args()
    recipe.setup(threads=1)
    photos = load_photos(a.photos, a.cache)
    known, test = (sum((load_bsds(a.bsds, s) for s in splits), []) for splits in (("train", "val"), ("test",)))
    scenes = Scenes(photos[:-100], known, 1)
    sample = torch.stack([pack(scenes.sample(), 1, scenes.rng)[0] for _ in range(100)])
    model = new_model(sample, a.sam)
    print("parameters", sum(q.numel() for q in model.parameters()), flush=True)
    if a.go_on:
        from safetensors.torch import load_file

        state = load_file(Path(a.out) / "model.safetensors")
        model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    clips = Clips(photos[-100:], test, 7)
    held = [pack_clip(clips.followable(14), 2, clips.rng) for _ in range(8)]
    rest = (a, model, photos[:-100], known, held)
    others = [torch.multiprocessing.Process(target=train, args=(rank, *rest)) for rank in range(1, a.processes)]
    for other in others:
        other.start()
    train(0, *rest)
    for other in others:
        other.join()


if __name__ == "__main__":
    main()
