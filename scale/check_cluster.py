"""Holds an index made on a cluster of two nodes, one of which goes away in the middle, to that of one machine.

    python check_cluster.py PICTURES [--kill] [--block 64]

PICTURES is a folder. Both nodes run here, each with processes and an object store of its own (ray.cluster_utils). Prints
seconds of the plain worker on one node, of the job, with starts and from the first block to the last, and how the rows
compare; ends with 1 where they differ.
"""

import argparse
import glob
import json
import os
import sys
import tempfile
import threading
import time

import lance
import numpy as np
import pyarrow as pa
import ray
from ray.cluster_utils import Cluster

from webgpu_vision_scale import Worker, index_job


def rows_of(table: pa.Table) -> dict[str, dict]:
    rows = table.to_pylist()
    by_path = {row["path"]: row for row in rows}
    if len(by_path) != len(rows):
        raise SystemExit(f"{len(rows) - len(by_path)} pictures are there twice")
    return by_path


def plain(paths: list[str], block: int) -> tuple[pa.Table, list[float]]:
    """All blocks by one worker, without Ray; and when each was there."""
    parts, times = [], []
    with Worker() as worker:
        for at in range(0, len(paths), block):
            parts.append(worker.embed(str(at), pa.table({"path": paths[at : at + block]})))
            times.append(time.time())
    return pa.concat_tables(parts), times


def told(who: str, began: float, times: list[float], count: int, block: int) -> None:
    """Seconds with the start, and what was done a second from the first block to the last."""
    rate = (count - block) / (max(times) - min(times))
    print(f"{who}: {max(times) - began:.1f} s with the start, then {rate:.1f} pictures a second", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures")
    parser.add_argument("--block", type=int, default=64)
    parser.add_argument("--kill", action="store_true", help="end a node when a third of the blocks are done")
    options = parser.parse_args()
    paths = sorted(glob.glob(os.path.join(os.path.abspath(options.pictures), "*.jpg")))
    began = time.time()
    expected, times = plain(paths, options.block)
    told(f"{len(paths)} pictures by one worker", began, times, len(paths), options.block)

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "resources": {"here": 1}})
    other = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    with tempfile.TemporaryDirectory() as folder:
        manifest, out = os.path.join(folder, "manifest.txt"), os.path.join(folder, "cluster.index")
        with open(manifest, "w") as file:
            file.write("\n".join(paths))
        arguments = argparse.Namespace(
            manifest=manifest, out=out, workers=2 if options.kill else 1, gpus=0, cpus=0.5, block=options.block,
            address=cluster.address,
        )

        def kill() -> None:
            most = len(paths) / options.block
            while len(glob.glob(os.path.join(out, "blocks-*", "0*.json"))) < most / 3:
                time.sleep(0.2)
            print("a node goes away", flush=True)
            cluster.remove_node(other, allow_graceful=False)

        if options.kill:
            threading.Thread(target=kill, daemon=True).start()
        began = time.time()
        report = index_job.run(arguments, [])
        done = [os.path.getmtime(file) for file in glob.glob(os.path.join(out, "blocks-*", "0*.json"))]
        told("the job", began, done, len(paths), options.block)
        print(json.dumps({name: value for name, value in report.items() if name != "errors"}))
        [table] = glob.glob(os.path.join(out, "*.lance"))
        got, want = rows_of(lance.dataset(table).to_table()), rows_of(expected)
    apart = [path for path in want if path not in got] + [path for path in got if path not in want]
    facts = [name for name in expected.schema.names if name not in ("vector", "error")]
    other_facts = [path for path in got if path in want and any(got[path][f] != want[path][f] for f in facts)]
    largest = max(float(np.abs(np.subtract(got[p]["vector"], want[p]["vector"])).max()) for p in got)
    print(f"{len(got)} rows: {len(apart)} missing or beside, {len(other_facts)} with other facts, "
          f"vectors apart by {largest:.2g} at most")
    ray.shutdown()
    cluster.shutdown()
    sys.exit(1 if apart or other_facts or largest > 1e-5 else 0)


if __name__ == "__main__":
    main()
