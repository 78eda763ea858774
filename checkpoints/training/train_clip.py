"""Train tiny-clip: a CLIPModel of about 4 M parameters on CIFAR-10 images and generated captions.

    python train_clip.py --cifar DIR --bpe bpe_simple_vocab_16e6.txt.gz --out DIR [--minutes 33] [--cache DIR]
    python train_clip.py ... --check     # only reload the saved checkpoint, measure it, write expected.json

CIFAR: folders train/CLASS/*.jpg and test/CLASS/*.jpg. A caption names the class (a synonym), and where they are
clear the colour of the object (from the image centre) and of the background (from its border). A batch holds many
captions that are true of many images, so the contrastive loss has every true pair as a positive and leaves out the
pairs that cannot be told (the caption names a colour, the image has no clear one).
"""

import argparse
import gzip
import json
import random
import re
from pathlib import Path

import torch
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer, CLIPTokenizerFast

import recipe
from recipe import CLASSES, Clock, Optimizer, bf16

MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
MERGES, CONTEXT = 1536, 32
SYNONYMS = [
    ["airplane", "plane", "aeroplane", "jet"],
    ["automobile", "car"],
    ["bird"],
    ["cat", "kitten"],
    ["deer"],
    ["dog", "puppy"],
    ["frog", "toad"],
    ["horse", "pony"],
    ["ship", "boat"],
    ["truck", "lorry"],
]
COLOURS = ["red", "orange", "yellow", "green", "blue", "brown", "black", "white", "gray"]
TEMPLATES = [
    "a photo of a {}.",
    "a photo of a {}",
    "a {}",
    "{}",
    "a picture of a {}.",
    "an image of a {}.",
    "a small photo of a {}.",
    "a blurry photo of a {}.",
    "a close-up photo of a {}.",
    "this is a {}.",
    "a photo of one {}.",
    "a bright photo of a {}.",
    "a good photo of the {}.",
    "the {}",
    "there is a {}.",
]
BACK = [" on a {} background", " with a {} background", " in front of a {} background", ", {} background"]


# ------------------------------------------------------------------------------------------------ tokenizer
def make_tokenizer(bpe, out):
    """The first MERGES merges of CLIP's own BPE, in CLIP's own order: bytes, bytes</w>, merges, start, end."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    merges = gzip.open(bpe).read().decode().split("\n")[1 : MERGES + 1]
    pairs = [tuple(m.split()) for m in merges]
    symbols = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]
    symbols = symbols + [s + "</w>" for s in symbols] + ["".join(p) for p in pairs]
    symbols += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {s: i for i, s in enumerate(symbols)}
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = CLIPTokenizer(vocab=vocab, merges=pairs, model_max_length=CONTEXT)
    tokenizer.save_pretrained(out)
    (out / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (out / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    return tokenizer


# ------------------------------------------------------------------------------------------------- captions
def colour_shares(pixels):
    """Share of each of COLOURS (last column: none of them) among pixels uint8 [N,3,P]."""
    x = pixels.float() / 255
    hi, lo = x.max(1).values, x.min(1).values
    d = hi - lo
    sat = d / hi.clamp(min=1e-3)
    r, g, b = x.unbind(1)
    hue = (
        torch.where(
            hi == r,
            ((g - b) / d.clamp(min=1e-3)) % 6,
            torch.where(hi == g, (b - r) / d.clamp(min=1e-3) + 2, (r - g) / d.clamp(min=1e-3) + 4),
        )
        * 60
    )
    name = torch.full_like(hue, 9).long()
    vivid = (sat > 0.3) & (hi > 0.2)
    name[vivid & ((hue < 14) | (hue > 340))] = 0
    name[vivid & (hue >= 14) & (hue < 42)] = 1
    name[vivid & (hue >= 42) & (hue < 68)] = 2
    name[vivid & (hue >= 68) & (hue < 165)] = 3
    name[vivid & (hue >= 165) & (hue < 260)] = 4
    name[(hue >= 8) & (hue < 45) & (sat > 0.22) & (hi > 0.15) & ((sat < 0.62) | (hi < 0.62)) & (hi < 0.8)] = 5
    name[(hi < 0.22)] = 6
    name[(sat < 0.15) & (hi > 0.78)] = 7
    name[(sat < 0.15) & (hi >= 0.22) & (hi <= 0.78)] = 8
    return F.one_hot(name, 10).float().mean(1)


def facts(images, labels):
    """[N,3] of (class, object colour or -1, background colour or -1)."""
    ring = torch.ones(32, 32, dtype=torch.bool)
    ring[4:28, 4:28] = False
    centre = torch.zeros(32, 32, dtype=torch.bool)
    centre[9:23, 8:24] = True
    flat = images.flatten(2)
    inside, border = (
        colour_shares(flat[:, :, centre.flatten()])[:, :9],
        colour_shares(flat[:, :, ring.flatten()])[:, :9],
    )
    share, obj = (inside - 0.5 * border).max(1)
    own = inside.gather(1, obj[:, None])[:, 0]
    obj = torch.where((own > 0.38) & (share > 0.22), obj, -1)
    share, back = border.max(1)
    back = torch.where(share > 0.62, back, -1)
    return torch.stack([labels, obj, back], 1)


def caption(fact):
    """A caption that is true of the facts, and what it mentions (-1: nothing said)."""
    c, o, b = fact
    name, said = random.choice(SYNONYMS[c]), [c, -1, -1]
    if o >= 0 and random.random() < 0.08:
        name, said[0] = random.choice(["thing", "object"]), -1
    if o >= 0 and (said[0] < 0 or random.random() < 0.5):
        said[1] = o
        name = ("grey" if o == 8 and random.random() < 0.3 else COLOURS[o]) + " " + name
    if b >= 0 and random.random() < 0.25:
        said[2] = b
        name += random.choice(BACK).format(COLOURS[b])
    text = random.choice(TEMPLATES).format(name)
    text = re.sub(r"\ba (?=[aeiou])", "an ", text)
    return text, said


def relations(fact, said):
    """Which (image, caption) pairs are true, and which cannot be told. fact [I,3], said [T,3]."""
    f, s = fact[:, None], said[None]
    silent = s < 0
    true = (silent | (f == s)).all(2)
    return true, (silent | (f == s) | (f < 0)).all(2) & ~true


def loss_fn(image, text, scale, true, unknown):
    logits = (scale * image @ text.T).masked_fill(unknown, -1e4)
    t = true.float()
    rows = -(F.log_softmax(logits, 1) * t).sum(1) / t.sum(1).clamp(min=1)
    cols = -(F.log_softmax(logits, 0) * t).sum(0) / t.sum(0).clamp(min=1)
    return (rows.mean() + cols.mean()) / 2


# ---------------------------------------------------------------------------------------------------- model
def config(image_size, patch, vocab):
    return CLIPConfig(
        text_config=dict(
            vocab_size=vocab,
            hidden_size=128,
            intermediate_size=512,
            num_hidden_layers=4,
            num_attention_heads=2,
            max_position_embeddings=CONTEXT,
            projection_dim=128,
            hidden_act="quick_gelu",
            bos_token_id=vocab - 2,
            eos_token_id=vocab - 1,
            pad_token_id=vocab - 1,
        ),
        vision_config=dict(
            hidden_size=192,
            intermediate_size=768,
            num_hidden_layers=6,
            num_attention_heads=3,
            image_size=image_size,
            patch_size=patch,
            projection_dim=128,
            hidden_act="quick_gelu",
        ),
        projection_dim=128,
    )


def new_model(vocab, sample):
    model = CLIPModel(config(32, 4, vocab))
    v = model.vision_model
    v.embeddings.patch_embedding.weight.data = recipe.whitening_filters(sample, 4, 192)
    v.embeddings.position_embedding.weight.data[1:] = recipe.sincos_2d(8, 192)
    for layer in v.encoder.layers:
        a = layer.self_attn
        recipe.mimetic_attention(a.q_proj, a.k_proj, a.v_proj, a.out_proj, a.num_heads)
    v.config._attn_implementation = "fast"
    return model


def image_features(model, pixels, keep=None):
    """Projected image embedding; keep: how many of the patch tokens each image keeps (FLIP), all if None."""
    v = model.vision_model
    x = v.embeddings(recipe.pooled(pixels))
    if keep:
        b, n, d = x.shape
        order = torch.rand(b, n - 1).argsort(1)[:, :keep] + 1
        x = torch.cat([x[:, :1], x.gather(1, order[..., None].expand(-1, -1, d))], 1)
    x = v.encoder(inputs_embeds=v.pre_layrnorm(x)).last_hidden_state[:, 0]
    return F.normalize(model.visual_projection(v.post_layernorm(x)).float(), dim=-1)


def text_features(model, tokenizer, texts):
    t = tokenizer(texts, padding=True, return_tensors="pt")
    return F.normalize(model.text_projection(model.text_model(**t).pooler_output).float(), dim=-1)


def export(model, vocab, out):
    """The 32/4 model that was trained, as the equal 64/8 model that is saved."""
    full = CLIPModel(config(64, 8, vocab))
    state = model.state_dict()
    key = "vision_model.embeddings.patch_embedding.weight"
    full.load_state_dict({**state, key: recipe.expand_patch(state[key])})
    recipe.save_half(full, out)


# ----------------------------------------------------------------------------------------------- evaluation
PROMPTS = ["a photo of a {}.", "a picture of a {}.", "a small photo of a {}.", "a {}", "this is a {}."]


@torch.no_grad()
def evaluate(image_fn, text_fn, images, labels):
    """Zero-shot top-1 with one prompt and with PROMPTS, and the colour words."""
    x = torch.cat([image_fn(recipe.to_pixels(b, MEAN, STD)) for b in images.split(500)])
    one = text_fn([f"a photo of a {c}." for c in CLASSES])
    ens = F.normalize(torch.stack([text_fn([p.format(c) for c in CLASSES]) for p in PROMPTS]).mean(0), dim=-1)
    right = lambda t: round(float(((x @ t.T).argmax(1) == labels).float().mean()) * 100, 2)
    f = facts(images, labels)
    known = f[:, 1] >= 0
    pairs = text_fn([f"a photo of a {o} {c}." for c in CLASSES for o in COLOURS]).view(10, 9, -1)
    scores = torch.einsum("nd,cod->nco", x[known], pairs)
    colour = scores[torch.arange(len(scores)), labels[known]].argmax(1) == f[known, 1]
    both = scores.flatten(1).argmax(1) == labels[known] * 9 + f[known, 1]
    hits, n = 0, 0
    for c in range(10):
        for o in range(9):
            if int(((f[:, 0] == c) & (f[:, 1] == o)).sum()) >= 10:
                top = (x @ pairs[c, o]).topk(10).indices
                hits += float(((f[top, 0] == c) & (f[top, 1] == o)).float().mean())
                n += 1
    pct = lambda v: round(float(v) * 100, 2)
    return {
        "zero_shot_top1_single_prompt": right(one),
        "zero_shot_top1_prompt_ensemble": right(ens),
        "colour_top1_given_class": pct(colour.float().mean()),
        "colour_and_class_top1_of_90": pct(both.float().mean()),
        "images_with_known_colour": int(known.sum()),
        "colour_class_queries": n,
        "precision_at_10_of_colour_class_queries": pct(hits / max(n, 1)),
    }


@torch.no_grad()
def check(out, images, labels):
    """Reload the saved folder with transformers only, in float32; measure; write expected.json."""
    model = CLIPModel.from_pretrained(out, dtype=torch.float32, attn_implementation="eager").eval()
    slow, fast = CLIPTokenizer.from_pretrained(out), CLIPTokenizerFast.from_pretrained(out)
    texts = [caption(f)[0] for f in facts(images, labels)[::10].tolist()] + ["Hello, World! 12 cats & 3 dogs' café"]
    assert all(slow(t).input_ids == fast(t).input_ids for t in texts), "tokenizers disagree"
    processor = CLIPImageProcessor.from_pretrained(out)
    batch = images[::500]
    theirs = processor([i.permute(1, 2, 0).numpy() for i in batch], return_tensors="pt").pixel_values
    drift = float((theirs - recipe.to_pixels(batch, MEAN, STD)).abs().max())

    def text_fn(t):
        o = model.text_model(**slow(t, padding=True, return_tensors="pt"))
        return F.normalize(model.text_projection(o.pooler_output), dim=-1)

    def image_fn(p):
        return F.normalize(model.visual_projection(model.vision_model(pixel_values=p).pooler_output), dim=-1)

    result = evaluate(image_fn, text_fn, images, labels)
    result["preprocessor_max_difference"] = drift
    texts = ["a photo of a cat.", "a red automobile", "a photo of a white horse on a green background"]
    tok = slow(texts, padding="max_length", max_length=CONTEXT, return_tensors="pt")
    pixels = recipe.sine(1, 3, 64, 64)
    o = model(input_ids=tok.input_ids, attention_mask=tok.attention_mask, pixel_values=pixels)
    v = model.vision_model(pixel_values=pixels)
    recipe.write_json(
        Path(out) / "expected.json",
        {
            "made_with": "transformers, float32, from the saved float16 weights, eager attention",
            "pixel_values": {"shape": [1, 3, 64, 64], "formula": "sin(i*0.01), i = flat row-major index"},
            "texts": texts,
            "input_ids": tok.input_ids.tolist(),
            "attention_mask": tok.attention_mask.tolist(),
            "vision_last_hidden_state": recipe.summary(v.last_hidden_state),
            "vision_pooler_output": recipe.summary(v.pooler_output),
            "text_last_hidden_state": recipe.summary(o.text_model_output.last_hidden_state),
            "text_pooler_output": recipe.summary(o.text_model_output.pooler_output),
            "image_embeds": recipe.summary(o.image_embeds),
            "text_embeds": [recipe.summary(t) for t in o.text_embeds],
            "logits_per_image": recipe.summary(o.logits_per_image),
        },
    )
    return result


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cifar", required=True)
    p.add_argument("--bpe", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--cache", default=".cache")
    p.add_argument("--minutes", type=float, default=33)
    p.add_argument("--batch", type=int, default=256)
    p.add_argument("--captions", type=int, default=112, help="captions a batch, made for its first images")
    p.add_argument("--keep", type=int, default=32, help="patch tokens kept in the first part")
    p.add_argument("--full-from", type=float, default=0.6, help="progress from which all tokens are kept")
    p.add_argument("--muon-lr", type=float, default=2e-3)
    p.add_argument("--adam-lr", type=float, default=1e-3)
    p.add_argument("--check", action="store_true")
    a = p.parse_args()
    recipe.setup()
    random.seed(0)
    out = Path(a.out)
    test, test_labels = recipe.load_cifar(a.cifar, "test", a.cache)
    if a.check:
        print(json.dumps(check(out, test, test_labels), indent=1))
        return
    images, labels = recipe.load_cifar(a.cifar, "train", a.cache)
    fact = facts(images, labels)
    known = fact.tolist()
    print(
        "facts",
        {n: round(float((fact[:, i] >= 0).float().mean()), 3) for i, n in ((1, "object"), (2, "background"))},
        "object colours",
        torch.bincount(fact[fact[:, 1] >= 0, 1], minlength=9).tolist(),
        flush=True,
    )
    tokenizer = make_tokenizer(a.bpe, out)
    vocab = len(tokenizer)
    CLIPImageProcessor(
        size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64}, resample=3, image_mean=MEAN, image_std=STD
    ).save_pretrained(out)
    model = new_model(vocab, recipe.pooled(recipe.to_pixels(images[::25], MEAN, STD)))
    print("parameters", sum(p.numel() for p in model.parameters()), flush=True)
    optimizer = Optimizer(model.named_parameters(), lambda n: "encoder.layers" in n, a.muon_lr, a.adam_lr)
    clock, step, seen, saved = Clock(a.minutes), 0, 0, 0.0
    order = torch.randperm(len(images))
    while clock.progress() < 1:
        start = (step * a.batch) % (len(images) - a.batch)
        if start < a.batch:
            order = torch.randperm(len(images))
        index = order[start : start + a.batch]
        pairs = [caption(known[i]) for i in index[: a.captions].tolist()]
        true, unknown = relations(fact[index], torch.tensor([s for _, s in pairs]))
        keep = a.keep if clock.progress() < a.full_from else None
        with bf16():
            image = image_features(model, recipe.to_pixels(recipe.crop_flip(images[index]), MEAN, STD), keep)
            text = text_features(model, tokenizer, [t for t, _ in pairs])
        loss = loss_fn(image, text, model.logit_scale.exp(), true, unknown)
        loss.backward()
        optimizer.step(clock.progress())
        model.logit_scale.data.clamp_(0, 4.6052)
        step, seen = step + 1, seen + a.batch
        if step % 50 == 0:
            print(
                f"{clock.elapsed():6.0f}s step {step} epoch {seen / len(images):.2f} loss {loss.item():.3f} "
                f"scale {model.logit_scale.exp().item():.1f} {seen / clock.elapsed():.0f} img/s",
                flush=True,
            )
        if clock.elapsed() - saved > 240 or step == 150:
            saved = clock.elapsed()
            with bf16():
                r = evaluate(
                    lambda x: image_features(model, x),
                    lambda t: text_features(model, tokenizer, t),
                    test[::5],
                    test_labels[::5],
                )
            print(f"{saved:6.0f}s eval (2000 images) {r}", flush=True)
            export(model, vocab, out)
    export(model, vocab, out)
    print(json.dumps(check(out, test, test_labels), indent=1), flush=True)


if __name__ == "__main__":
    main()
