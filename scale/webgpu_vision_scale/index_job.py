"""Makes one index of many pictures on a Ray cluster: `webgpu-vision-scale MANIFEST --out INDEX`.

The manifest names pictures: a text file with one a line, or Parquet with a column `path`; paths, or addresses of a
bucket that fsspec reads (s3://, gs://, https://). Ray Data hands blocks of them to workers, tries again what a machine
that went away had, and gives work to machines that come. Each block becomes a fragment of Lance, written under its
number: a block that is done twice is there once, and a job that is started again goes on. The last step commits all
fragments as the table that `webgpu-vision search INDEX` opens.
"""

import argparse
import json
import os
import sys
from urllib.parse import urlparse

import fsspec
import lance
import pyarrow as pa
import pyarrow.parquet as parquet
import ray

from .worker import Worker, WorkerDied

FORMAT = "1"  # of an index's table: src/cli/pictureIndex/indexTable.ts
TRIES = 3


def read_manifest(path: str) -> list[str]:
    """The pictures that a manifest names, each once, in its order."""
    with fsspec.open(path, "rb") as file:
        if path.endswith(".parquet"):
            names = parquet.read_table(file, columns=["path"]).column("path").to_pylist()
        else:
            names = [line.strip() for line in file.read().decode("utf-8-sig").splitlines()]
    names = list(dict.fromkeys(name for name in names if name))
    if not names:
        raise SystemExit(f"{path} names no pictures")
    return [name if is_remote(name) else os.path.abspath(name) for name in names]


def is_remote(name: str) -> bool:
    return len(urlparse(name).scheme) > 1


def pictures_of(paths: list[str]) -> pa.Table:
    """A block for the worker, which reads files of this machine itself and is given those of elsewhere."""
    columns = {"path": pa.array(paths, pa.utf8())}
    if any(is_remote(path) for path in paths):
        columns["bytes"] = pa.array([fetch(path) if is_remote(path) else None for path in paths], pa.binary())
    return pa.table(columns)


def fetch(path: str) -> bytes:
    """The bytes of a file; none where it cannot be read, so that the picture is among those that failed."""
    try:
        with fsspec.open(path, "rb") as file:
            return file.read()
    except Exception as error:  # each kind of bucket has errors of its own, and one bad file must not end the block
        print(f"{path}: {type(error).__name__}: {error}", file=sys.stderr)
        return b""


def table_schema(rows: pa.Schema, hello: dict) -> pa.Schema:
    """The columns of the index as `webgpu-vision index` makes them."""
    model = {name: hello[name] for name in ("model", "revision", "subfolder", "variant", "dtype", "identity")}
    required = {"path", "hash", "bytes", "modified", "vector"}
    fields = [field.with_nullable(field.name not in required) for field in rows if field.name != "error"]
    return pa.schema(fields, metadata={"format": FORMAT, **model})


class EmbedBlock:
    """An actor of Ray Data: owns a worker, and makes a fragment of each block."""

    def __init__(self, table: str, staging: str, options: list[str]) -> None:
        self.table, self.staging, self.options = table, staging, options
        self.worker: Worker | None = None

    def __call__(self, batch: dict) -> dict:
        counts = [self.embed(int(block), list(paths)) for block, paths in zip(batch["block"], batch["paths"])]
        return {"block": batch["block"], "rows": [rows for rows, _ in counts], "failed": [bad for _, bad in counts]}

    def embed(self, block: int, paths: list[str]) -> tuple[int, int]:
        done = os.path.join(self.staging, f"{block:08}.json")
        if os.path.exists(done):
            with open(done) as file:
                state = json.load(file)
            return state["rows"], len(state["errors"])
        rows, hello = self.rows_of(block, paths)
        good = rows.filter(pa.compute.is_null(rows.column("error"))).drop_columns(["error"])
        errors = rows.filter(pa.compute.is_valid(rows.column("error"))).select(["path", "error"]).to_pylist()
        schema = table_schema(rows.schema, hello)
        fragments = []
        if good.num_rows > 0:
            written = lance.fragment.write_fragments(good.cast(schema), self.table, schema=schema)
            fragments = [json.dumps(fragment.to_json()) for fragment in written]
        state = {"rows": good.num_rows, "errors": errors, "fragments": fragments, "hello": hello}
        # Whole or not at all, so that whoever finds it may go by it.
        part = f"{done}.{os.getpid()}"
        with open(part, "w") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, done)
        return good.num_rows, len(errors)

    def rows_of(self, block: int, paths: list[str]) -> tuple[pa.Table, dict]:
        pictures = pictures_of(paths)
        for left in reversed(range(TRIES)):
            try:
                if self.worker is None:
                    self.worker = Worker(self.options)
                return self.worker.embed(str(block), pictures), self.worker.hello
            except WorkerDied as error:
                self.worker = None
                if left == 0:
                    raise
                print(f"block {block}: {error}; it is tried again", file=sys.stderr)
        raise AssertionError


def commit(out: str, table: str, staging: str, blocks: int) -> list[dict]:
    """Makes a table of all fragments, in the order of their blocks; gives what could not be read."""
    states = []
    for block in range(blocks):
        with open(os.path.join(staging, f"{block:08}.json")) as file:
            states.append(json.load(file))
    identities = {state["hello"]["identity"] for state in states}
    if len(identities) > 1:
        raise SystemExit(f"{out} has blocks of several checkpoints: start anew in another folder")
    fragments = [lance.FragmentMetadata.from_json(text) for state in states for text in state["fragments"]]
    if fragments:
        first = next(state for state in states if state["fragments"])
        vectors = pa.list_(pa.field("item", pa.float32(), True), first["hello"]["dimensions"])
        schema = table_schema(index_columns(vectors), first["hello"])
        lance.LanceDataset.commit(table, lance.LanceOperation.Overwrite(schema, fragments))
    return [error for state in states for error in state["errors"]]


def index_columns(vector: pa.DataType) -> pa.Schema:
    """schemaOf of src/cli/pictureIndex/indexTable.ts."""
    number = pa.field("item", pa.float32(), True)
    return pa.schema(
        [
            pa.field("path", pa.utf8()),
            pa.field("hash", pa.utf8()),
            pa.field("bytes", pa.float64()),
            pa.field("modified", pa.float64()),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
            pa.field("taken", pa.timestamp("ms")),
            pa.field("latitude", pa.float64()),
            pa.field("longitude", pa.float64()),
            pa.field("box", pa.list_(number)),
            pa.field("mask", pa.utf8()),
            pa.field("vector", vector),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="webgpu-vision-scale", description=__doc__.split("\n")[0])
    parser.add_argument("manifest", help="a text file with a picture a line, or Parquet with a column path")
    parser.add_argument("--out", required=True, help="folder of the index, which all machines see (a shared disk)")
    parser.add_argument("--workers", type=int, default=1, help="workers at once, one for each GPU (default: 1)")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs of a worker, as Ray counts them (default: 0)")
    parser.add_argument("--cpus", type=float, default=1, help="CPUs of a worker (default: 1)")
    parser.add_argument("--block", type=int, default=256, help="pictures of a block (default: 256)")
    parser.add_argument("--address", help="address of a Ray cluster (default: the one at hand, or a new one here)")
    known, worker_options = parser.parse_known_args()  # what is left is for the worker: --model, --dtype …
    report = run(known, worker_options)
    print(json.dumps({name: value for name, value in report.items() if name != "errors"}))
    for error in report["errors"]:
        print(f"{error['path']}: {error['error']}", file=sys.stderr)
    sys.exit(1 if report["errors"] else 0)


def run(options: argparse.Namespace, worker_options: list[str]) -> dict:
    """Makes the index; gives the number of pictures, blocks, and what could not be read."""
    ray.init(address=options.address, ignore_reinit_error=True, log_to_driver=True)
    paths = read_manifest(options.manifest)
    starts = range(0, len(paths), options.block)
    blocks = [{"block": i, "paths": paths[start : start + options.block]} for i, start in enumerate(starts)]
    out = os.path.abspath(options.out)
    with Worker(worker_options) as worker:
        hello = worker.hello
    table = os.path.join(out, f"pictures-{hello['identity'][:12]}-{hello['dtype']}.lance")
    staging = os.path.join(out, f"blocks-{hello['identity'][:12]}-{hello['dtype']}")
    os.makedirs(staging, exist_ok=True)
    check_manifest(staging, paths, options.block)
    data = ray.data.from_items(blocks, override_num_blocks=len(blocks))
    done = data.map_batches(
        EmbedBlock,
        fn_constructor_args=(table, staging, worker_options),
        batch_size=1,
        concurrency=options.workers,
        num_gpus=options.gpus,
        num_cpus=options.cpus,
        max_restarts=-1,
        max_task_retries=-1,
    )
    rows = sum(row["rows"] for row in done.iter_rows())
    errors = commit(out, table, staging, len(blocks))
    return {"pictures": len(paths), "rows": rows, "blocks": len(blocks), "index": out, "errors": errors}


def check_manifest(staging: str, paths: list[str], block: int) -> None:
    """Blocks of an earlier start are of the same pictures, or the job must not go on with them."""
    name = os.path.join(staging, "manifest.json")
    manifest = {"block": block, "paths": paths}
    if os.path.exists(name):
        with open(name) as file:
            if json.load(file) == manifest:
                return
        raise SystemExit(f"{staging} has blocks of another manifest: remove it, or name another --out")
    with open(name, "w") as file:
        json.dump(manifest, file)


if __name__ == "__main__":
    main()
