"""NumPy's and Faiss's exact search for bench/search.ts: a line "NAME QUERIES K" in, the best rows as JSON out."""

import json
import os
import sys

import faiss
import numpy as np

folder, channels = sys.argv[1], int(sys.argv[2])
rows = np.fromfile(os.path.join(folder, "rows.f32"), np.float32).reshape(-1, channels)
queries = np.fromfile(os.path.join(folder, "queries.f32"), np.float32).reshape(-1, channels)
flat = faiss.IndexFlatIP(channels)
flat.add(rows)


def by_numpy(some: np.ndarray, k: int) -> np.ndarray:
    scores = some @ rows.T
    best = np.argpartition(scores, -k, axis=1)[:, -k:]
    order = np.lexsort((best, -np.take_along_axis(scores, best, 1)), axis=1)
    return np.take_along_axis(best, order, 1)


for line in sys.stdin:
    name, count, k = line.split()
    some = queries[: int(count)]
    best = by_numpy(some, int(k)) if name == "NumPy" else flat.search(some, int(k))[1]
    print(json.dumps(best.tolist()), flush=True)
