"""Makes test/golden/masks/masks.json: what pycocotools, OpenCV and NumPy make of masks, for the tests of src/masks.

    pip install numpy pycocotools opencv-python-headless
    python scripts/goldenMasks.py

Masks are drawn by a formula that the tests repeat; stored are their encodings. Small regions
are removed by the rules of segment-anything's amg.py, with OpenCV's components; its suppression (torchvision's nms) is
written out below in float32, as its CPU kernel computes it.
"""

import json
from pathlib import Path

import cv2
import numpy as np

from pycocotools import mask as coco

OUT = Path(__file__).resolve().parent.parent / "test" / "golden" / "masks" / "masks.json"

# height, width, kind: "empty", "full", "noise" (by percent of ones), "blobs" (by the size of a cell)
MASKS = [
    (1, 1, "empty", 0), (1, 1, "full", 0), (5, 3, "empty", 0), (3, 5, "full", 0), (1, 40, "noise", 50), (40, 1, "noise", 50),
    (33, 31, "noise", 50), (32, 64, "noise", 50), (31, 65, "noise", 97), (64, 33, "noise", 3), (100, 7, "noise", 30),
    (7, 100, "blobs", 3), (63, 97, "blobs", 8), (128, 96, "blobs", 20), (480, 640, "blobs", 60), (97, 61, "noise", 58),
]  # fmt: skip


def lattice(x, y, seed):
    """A pseudo-random number of 0 to 99 for each pair of whole numbers, exact in 32 bits."""
    n = (x * 374761393 + y * 668265263 + seed * 2246822519) % 2**32
    n = ((n ^ (n >> 13)) * 1274126177) % 2**32
    return (n ^ (n >> 16)) % 100


def draw(height, width, kind, amount, seed):
    y, x = np.mgrid[0:height, 0:width].astype(np.uint64)
    if kind in ("empty", "full"):
        return np.full((height, width), kind == "full", dtype=np.uint8)
    if kind == "noise":
        return (lattice(x, y, seed) < amount).astype(np.uint8)
    # The numbers at the corners of cells, blended within them in whole numbers.
    cx, cy, fx, fy = x // amount, y // amount, x % amount, y % amount
    rows = [lattice(cx, cy + j, seed) * (amount - fx) + lattice(cx + 1, cy + j, seed) * fx for j in (0, 1)]
    return (rows[0] * (amount - fy) + rows[1] * fy > 50 * amount * amount).astype(np.uint8)


def rle_of(mask):
    flat = mask.T.reshape(-1)
    ends = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *ends, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": counts if flat[0] == 0 else [0, *counts]}


def compressed(mask):
    encoded = coco.encode(np.asfortranarray(mask))["counts"].decode()
    assert encoded == coco.frPyObjects(rle_of(mask), *mask.shape)["counts"].decode()
    return encoded


def box_of(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [int(n) for n in (columns[0], rows[0], columns[-1], rows[-1])] if rows.size else [0, 0, 0, 0]


def remove_small_regions(mask, min_area, mode):
    """The rules of segment_anything/utils/amg.py: remove_small_regions."""
    holes = mode == "holes"
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask ^ np.uint8(holes), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    small = [label for label in range(1, count) if areas[label - 1] < min_area]
    if not small:
        return mask
    ones = [0, *small] if holes else [label for label in range(1, count) if label not in small]
    if not ones:
        ones = [1 + int(np.argmax(areas))]
    return np.isin(labels, ones).astype(np.uint8)


def regions():
    """Small regions of every mask; the last masks are islands of equal size, of which OpenCV's first label stays."""
    cases = []
    for seed, (height, width, kind, amount) in enumerate(MASKS):
        for min_area in (1, 3, 30, 10**6):
            if kind in ("noise", "blobs") and height * width < 10**5:
                cases.append(dict(mask=seed, minArea=min_area))
    for case in cases:
        mask = draw(*MASKS[case["mask"]], case["mask"])
        for mode in ("holes", "islands"):
            case[mode] = compressed(remove_small_regions(mask, case["minArea"], mode))
    return cases


def equal_islands():
    rng = np.random.default_rng(5)
    cases = []
    for _ in range(12):
        mask = np.zeros((12, 12), np.uint8)
        for cell in rng.permutation(16)[:5]:
            y, x = int(cell) // 4 * 3, int(cell) % 4 * 3
            mask[y + int(rng.integers(2)), x + int(rng.integers(2))] = 1
        kept = remove_small_regions(mask, 4, "islands")
        cases.append({"mask": compressed(mask), "islands": compressed(kept)})
    return cases


def nms(boxes, scores, threshold):
    x0, y0, x1, y1 = boxes.astype(np.float32).T
    areas = (x1 - x0) * (y1 - y0)
    order = np.argsort(-scores, kind="stable")
    removed, kept = np.zeros(len(boxes), bool), []
    for place, i in enumerate(order):
        if removed[i]:
            continue
        kept.append(int(i))
        for j in order[place + 1 :]:
            width = max(np.float32(0), min(x1[i], x1[j]) - max(x0[i], x0[j]))
            height = max(np.float32(0), min(y1[i], y1[j]) - max(y0[i], y0[j]))
            shared = width * height
            with np.errstate(invalid="ignore"):
                if shared / (areas[i] + areas[j] - shared) > threshold:
                    removed[j] = True
    return kept


def suppressions():
    rng = np.random.default_rng(11)
    cases = []
    for count, threshold in ((1, 0.7), (40, 0.7), (120, 0.5), (120, 0.3), (300, 0.7), (60, 0.0)):
        corner = rng.integers(0, 8, (count, 2)) * 400
        boxes = np.concatenate([corner, corner + rng.integers(0, 9, (count, 2)) * 611], 1)
        scores = rng.integers(0, 20, count).astype(np.float32) / np.float32(20)
        cases.append(dict(boxes=boxes.tolist(), scores=scores.tolist(), threshold=threshold, kept=nms(boxes, scores, threshold)))
    return cases


def crop_boxes(height, width, layers, ratio):
    boxes = [[0, 0, width, height, 0]]
    for layer in range(1, layers + 1):
        n = 2**layer
        overlap = int(ratio * min(height, width) * (2 / n))
        w, h = (int(np.ceil((overlap * (n - 1) + length) / n)) for length in (width, height))
        starts = [((w - overlap) * i, (h - overlap) * j) for i in range(n) for j in range(n)]
        boxes += [[x, y, min(x + w, width), min(y + h, height), layer] for x, y in starts]
    return boxes


def crops():
    sizes = [(400, 600, 1), (1200, 1800, 2), (534, 800, 3), (97, 61, 1), (1, 1, 0), (33, 200, 2)]
    return [
        dict(size=[h, w], layers=layers, ratio=ratio, boxes=crop_boxes(h, w, layers, ratio))
        for h, w, layers in sizes
        for ratio in (512 / 1500, 0.1)
    ]


def grid_side(n):
    offset = 1 / (2 * n)
    return np.linspace(offset, 1 - offset, n).tolist()


def main():
    masks = []
    for seed, (height, width, kind, amount) in enumerate(MASKS):
        mask = draw(height, width, kind, amount, seed)
        area = int(coco.area(coco.encode(np.asfortranarray(mask))))
        row = dict(height=height, width=width, kind=kind, amount=amount, area=area, box=box_of(mask), coco=compressed(mask))
        masks.append({**row, "counts": rle_of(mask)["counts"]} if height * width < 5000 else row)
    golden = {
        "madeWith": f"numpy {np.__version__}, pycocotools, OpenCV {cv2.__version__}",
        "masks": masks,
        "regions": regions(),
        "equalIslands": equal_islands(),
        "suppressions": suppressions(),
        "crops": crops(),
        "gridSides": {n: grid_side(n) for n in (1, 2, 3, 7, 16, 32, 33)},
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
    OUT.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
