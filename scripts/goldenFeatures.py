"""Makes test/golden/features/golden.safetensors: what is done with DINO's features, by NumPy and scikit-learn.

    pip install numpy scikit-learn safetensors
    python scripts/goldenFeatures.py [--out test/golden/features]

Features are seeded random numbers with some structure; results are computed in float64 from the float32 that is stored.
classify.*   a training and a test set of four overlapping classes; k-NN by scikit-learn and by the arithmetic of DINO's
             eval_knn.py, logistic regression by scikit-learn for two and four classes
pca.*        two pictures: components by SVD with scikit-learn's signs, colours of DINOv2's recipe
match.*      mutual nearest neighbours of patches of two pictures
attention.*  masks that hold a share of the attention, as in DINO's visualize_attention.py
video.*      labels carried through moving patches, as in DINO's eval_video_segmentation.py, with whole matrices

The files in the repository came from NumPy 2.4.6 and scikit-learn 1.9.1. Other versions may change the last bits.
"""

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

OUT = Path(__file__).resolve().parent.parent / "test" / "golden" / "features"


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def float32(rows):
    """float64 numbers that float32 holds exactly."""
    return np.asarray(rows, np.float32).astype(np.float64)


def eval_knn(train, labels, test, k, temperature, classes):
    similarity = unit(test) @ unit(train).T
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    weights = np.exp(np.take_along_axis(similarity, nearest, axis=1) / temperature)
    votes = (np.eye(classes)[labels[nearest]] * weights[:, :, None]).sum(axis=1)
    return votes / votes.sum(axis=1, keepdims=True)


def classify(rng):
    centres = rng.normal(size=(4, 18)) * 0.6
    labels, truth = np.arange(60) % 4, np.arange(40) % 4
    train = float32(centres[labels] + rng.normal(size=(60, 18)))
    test = float32(centres[truth] + rng.normal(size=(40, 18)))
    yield "classify.train", train
    yield "classify.labels", labels
    yield "classify.test", test
    for k in (1, 5, 20, 1000):
        count = min(k, len(train))
        votes = eval_knn(train, labels, test, count, 0.07, 4)
        weigh = lambda distances: np.exp((1 - distances) / 0.07)
        knn = KNeighborsClassifier(count, metric="cosine", weights=weigh, algorithm="brute").fit(train, labels)
        yield f"classify.knn.{k}.sklearn", knn.predict_proba(test)
        yield f"classify.knn.{k}.dino", votes
    for classes in (2, 4):
        some = labels < classes
        for C in (0.1, 1, 100):
            probe = LogisticRegression(C=C, tol=1e-9, max_iter=100_000).fit(train[some], labels[some])
            yield f"classify.probe.{classes}.{C}", probe.predict_proba(test)
    # Features of a real model are not centred, and their scales differ.
    skewed = lambda rows: float32(rows * np.geomspace(0.05, 5, 18) + np.linspace(-2, 3, 18))
    yield "classify.skewed.train", skewed(train)
    yield "classify.skewed.test", skewed(test)
    probe = LogisticRegression(C=1, tol=1e-9, max_iter=100_000).fit(skewed(train), labels)
    yield "classify.skewed.probe", probe.predict_proba(skewed(test))
    default = LogisticRegression(max_iter=1000).fit(skewed(train), labels)
    yield "classify.skewed.default", default.predict_proba(skewed(test))


def blobs(rng, height, width, channels, centre, background, subject):
    """Patches of a round subject before a background, each with a direction of its own, and noise."""
    y, x = np.mgrid[:height, :width]
    inside = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= (min(height, width) / 3) ** 2).reshape(-1, 1)
    shading = np.stack([x.ravel(), y.ravel()], axis=1) @ rng.normal(size=(2, channels)) * 0.1
    return float32(np.where(inside, subject, background) + shading + rng.normal(size=(height * width, channels)) * 0.3)


def components(rows, count):
    _, _, vt = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    vt = vt[:count]
    signs = np.sign(vt[np.arange(len(vt)), np.abs(vt).argmax(axis=1)])
    return vt * signs[:, None]


def colours(pictures, side):
    every = np.concatenate(pictures)
    score = (every - every.mean(axis=0)) @ components(every, 1)[0]
    score = (score - score.min()) / (score.max() - score.min())
    kept = {"none": score > -1, "high": score > 0.5, "low": score < 0.5}[side]
    chosen = every[kept]
    basis = components(chosen, 3)
    assert np.allclose(basis, PCA(3, svd_solver="full").fit(chosen).components_)
    projected = (chosen - chosen.mean(axis=0)) @ basis.T
    low, high = projected.min(axis=0), projected.max(axis=0)
    rgb = np.zeros((len(every), 3))
    rgb[kept] = 255 * (projected - low) / (high - low)
    return basis, rgb, kept


def pca(rng):
    background, subject = rng.normal(size=24) * 0.7, rng.normal(size=24) * 0.7
    pictures = [blobs(rng, 9, 8, 24, (4, 4), background, subject), blobs(rng, 7, 11, 24, (3, 6), background, subject)]
    yield "pca.a", pictures[0].reshape(1, 72, 24)
    yield "pca.b", pictures[1].reshape(1, 77, 24)
    for side in ("none", "high", "low"):
        basis, rgb, kept = colours(pictures, side)
        yield f"pca.{side}.components", basis
        yield f"pca.{side}.rgb", rgb
        yield f"pca.{side}.foreground", kept


def match(rng):
    a = rng.normal(size=(30, 20))
    b = np.concatenate([a[rng.permutation(30)[:22]] + rng.normal(size=(22, 20)) * 0.8, rng.normal(size=(13, 20))])
    a, b = float32(a), float32(b[rng.permutation(35)])
    yield "match.a", a.reshape(1, 30, 20)
    yield "match.b", b.reshape(1, 35, 20)
    similarity = unit(a) @ unit(b).T
    forth, back = similarity.argmax(axis=1), similarity.argmax(axis=0)
    pairs = [(i, j, similarity[i, j]) for i, j in enumerate(forth) if back[j] == i]
    yield "match.pairs", np.array(sorted(pairs, key=lambda pair: -pair[2]))


def attention(rng):
    scores = np.exp(rng.normal(size=(3, 42)) * 1.5)
    weights = float32(0.9 * scores / scores.sum(axis=1, keepdims=True))
    yield "attention.weights", weights.reshape(1, 3, 42)
    for mass in (0.3, 0.6, 0.95):
        order = weights.argsort(axis=1)
        passed = np.cumsum(np.take_along_axis(weights, order, axis=1) / weights.sum(axis=1, keepdims=True), axis=1)
        mask = np.zeros_like(weights)
        np.put_along_axis(mask, order, passed > 1 - mass, axis=1)
        yield f"attention.mask.{mass}", mask


def window(height, width, reach):
    y, x = np.divmod(np.arange(height * width), width)
    return (np.abs(y[:, None] - y) <= reach) & (np.abs(x[:, None] - x) <= reach)


def upsample(maps, height, width):
    """Bilinear, align_corners=False."""
    for axis, size in ((1, height), (2, width)):
        count = maps.shape[axis]
        place = np.maximum((np.arange(size) + 0.5) * count / size - 0.5, 0)
        low = np.minimum(place.astype(int), count - 1)
        share = (place - low).reshape([-1 if i == axis else 1 for i in range(3)])
        maps = maps.take(low, axis) * (1 - share) + maps.take(np.minimum(low + 1, count - 1), axis) * share
    return maps


def video(rng, frames=7, height=8, width=10):
    """Two subjects that move over a background; each patch of the scene has features of its own."""
    scene = rng.normal(size=(height, width, 16))
    subjects = rng.normal(size=(2, 3, 3, 16)) + rng.normal(size=(2, 1, 1, 16)) * 2
    features, masks = [], []
    for t in range(frames):
        picture, mask = scene.copy(), np.zeros((height, width), int)
        for i, (y, x) in enumerate([(1, t), (4, width - 4 - t // 2)]):
            picture[y : y + 3, x : x + 3], mask[y : y + 3, x : x + 3] = subjects[i], i + 1
        features.append(float32(picture.reshape(-1, 16) + rng.normal(size=(height * width, 16)) * 0.25))
        masks.append(mask)
    yield "video.features", np.stack(features)
    first = masks[0].repeat(3, axis=0).repeat(3, axis=1)  # 24 x 30: a cell's centre is its own
    yield "video.mask", first
    for name, last, reach, topk in (("near", 3, 2, 5), ("far", 7, 0, 4)):
        shares = [np.eye(3)[masks[0].ravel()]]
        for t in range(1, frames):
            known = [0, *range(max(1, t - last), t)]
            sources = np.concatenate([unit(features[s]) for s in known])
            affinity = np.exp(sources @ unit(features[t]).T / 0.1)
            if reach:
                affinity *= np.tile(window(height, width, reach), (len(known), 1))
            affinity[affinity < np.sort(affinity, axis=0)[-topk]] = 0
            affinity /= affinity.sum(axis=0)
            shares.append(affinity.T @ np.concatenate([shares[s] for s in known]))
        maps = np.stack(shares).transpose(0, 2, 1).reshape(frames, 3, height, width)
        yield f"video.{name}.shares", maps
        large = [upsample(one, 24, 30) for one in maps[1:]]
        low, high = (np.stack([f(one, axis=(1, 2)) for one in large])[:, :, None, None] for f in (np.min, np.max))
        yield f"video.{name}.labels", ((np.stack(large) - low) / (high - low)).argmax(axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    made = {}
    for seed, case in enumerate((classify, pca, match, attention, video)):
        made.update((name, np.ascontiguousarray(data, np.float32)) for name, data in case(np.random.default_rng(seed)))
    save_file(made, out / "golden.safetensors")


if __name__ == "__main__":
    main()
