"""Reproducible weights without training: every element is a hash of its tensor's name and index.

A manifest lists the name, shape, mean and scale of each tensor. Element i (row-major) of a tensor is

    h = fnv1a32(name as UTF-8)
    z = fmix32((i * 0x9E3779B1 + h) mod 2^32)          # fmix32: MurmurHash3's 32-bit finaliser
    v = (z >> 8) * 2^-23 - 1                           # uniform in [-1, 1), exact in float64
    element = float32(mean + scale * v)                # the sum in float64, then one rounding
"""

import json
import struct

import numpy as np

STEP = 1 << 22


def fnv1a32(text):
    h = 0x811C9DC5
    for byte in text.encode():
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    return h


def tensor(name, shape, mean, scale):
    """float32 array of `shape` for the tensor `name`."""
    n = int(np.prod(shape, dtype=np.int64)) if len(shape) else 1
    out = np.empty(n, np.float32)
    h = np.uint32(fnv1a32(name))
    for a in range(0, n, STEP):
        z = np.arange(a, min(a + STEP, n), dtype=np.uint32)
        with np.errstate(over="ignore"):
            z = z * np.uint32(0x9E3779B1) + h
            z ^= z >> np.uint32(16)
            z *= np.uint32(0x85EBCA6B)
            z ^= z >> np.uint32(13)
            z *= np.uint32(0xC2B2AE35)
            z ^= z >> np.uint32(16)
        v = (z >> np.uint32(8)).astype(np.float64) * 2.0**-23 - 1.0
        out[a : a + len(z)] = (mean + scale * v).astype(np.float32)
    return out.reshape(shape)


def manifest_of(state):
    """Mean and scale of each tensor of a PyTorch state dict, chosen so that activations keep about unit size."""
    rows = []
    for name, t in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        mean, scale = spread_of(name, list(t.shape))
        rows.append({"name": name, "shape": list(t.shape), "mean": round(mean, 6), "scale": round(scale, 8)})
    return rows


def spread_of(name, shape):
    last = name.rsplit(".", 1)[-1]
    if last == "running_var":
        return 1.0, 0.5
    if last == "running_mean":
        return 0.0, 0.2
    if name.endswith("logit_scale"):
        return 4.6052, 0.0
    if last in ("lambda1", "gamma"):  # a layer scale
        return 0.5, 0.2
    if len(shape) == 1 and last == "weight":  # a norm's gain
        return 1.0, 0.2
    if len(shape) <= 1:
        return 0.0, 0.1
    is_patch = len(shape) == 4 and shape[2] == shape[3] and shape[1] <= 4
    if any(part in name for part in ("embedding", "_token", "_embed", "rel_pos", "register")) and not is_patch:
        return 0.0, 0.5
    return 0.0, (3.0 / int(np.prod(shape[1:]))) ** 0.5


def write(rows, path):
    """A float32 safetensors file of the manifest's tensors."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for r in rows:
        n = int(np.prod(r["shape"], dtype=np.int64)) * 4
        header[r["name"]] = {"dtype": "F32", "shape": r["shape"], "data_offsets": [offset, offset + n]}
        offset += n
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for r in rows:
            f.write(tensor(r["name"], r["shape"], r["mean"], r["scale"]).tobytes())
