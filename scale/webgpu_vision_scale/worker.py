"""A worker of webgpu-vision, `webgpu-vision worker --stdio`, as a Python object. docs/scale.md has the protocol."""

import json
import os
import shlex
import struct
import subprocess
import threading
from collections.abc import Sequence

import pyarrow as pa

PROTOCOL = 1


class WorkerDied(RuntimeError):
    """The worker's process has ended, and with it the blocks that it had. Start another one and send them again."""


class Worker:
    """Embeds blocks of pictures in a process of its own.

    `command` is how webgpu-vision is called ("npx webgpu-vision" when absent, or $WEBGPU_VISION_COMMAND), `options` are
    those of the command line, as ["--model", "openai/clip-vit-base-patch32"].

    >>> with Worker() as worker:
    ...     table = worker.embed("block 1", pa.table({"path": ["a.jpg", "b.jpg"]}))
    """

    def __init__(self, options: Sequence[str] = (), command: str | None = None) -> None:
        command = command or os.environ.get("WEBGPU_VISION_COMMAND", "npx webgpu-vision")
        arguments = [*shlex.split(command), "worker", "--stdio", "--quiet", *options]
        self._process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._lock = threading.Lock()
        self.hello = self._read_json()
        if self.hello.get("protocol") != PROTOCOL:
            self.close()
            raise RuntimeError(f"the worker speaks protocol {self.hello.get('protocol')}, expected {PROTOCOL}")

    @property
    def dimensions(self) -> int:
        """Elements of an embedding."""
        return self.hello["dimensions"]

    def embed(self, block: str, pictures: pa.Table) -> pa.Table:
        """The rows of pictures: a column `path`, and `bytes` and `modified` where the worker cannot read the files.

        A picture that cannot be read has its reason in the column `error`, and no vector.
        """
        stream = pa.BufferOutputStream()
        pictures = pictures.replace_schema_metadata({"block": block})
        with pa.ipc.new_stream(stream, pictures.schema) as writer:
            writer.write_table(pictures)
        with self._lock:
            self._write(b"A", stream.getvalue().to_pybytes())
            kind, body = self._read()
        if kind == b"J":
            raise RuntimeError(f"block {block}: {json.loads(body).get('error')}")
        table = pa.ipc.open_stream(body).read_all()
        answered = (table.schema.metadata or {}).get(b"block", b"").decode()
        if answered != block or table.num_rows != pictures.num_rows:
            raise RuntimeError(f"block {block} was answered as {answered}, with {table.num_rows} rows")
        return table

    def health(self) -> dict:
        """What state the worker is in."""
        with self._lock:
            self._write(b"J", json.dumps({"ping": 1}).encode())
            return self._read_json()

    def close(self) -> None:
        """Ends the worker when it has answered what it was given."""
        if self._process.poll() is None:
            try:
                self._write(b"J", b'{"stop": true}')
                self._process.stdin.close()
            except (OSError, WorkerDied):
                pass
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, kind: bytes, body: bytes) -> None:
        try:
            self._process.stdin.write(struct.pack("<I", 1 + len(body)) + kind + body)
            self._process.stdin.flush()
        except OSError as error:
            raise WorkerDied(f"the worker ended with {self._process.poll()}") from error

    def _read(self) -> tuple[bytes, bytes]:
        (length,) = struct.unpack("<I", self._read_exactly(4))
        frame = self._read_exactly(length)
        return frame[:1], frame[1:]

    def _read_json(self) -> dict:
        kind, body = self._read()
        if kind != b"J":
            raise RuntimeError("the worker answered with rows, expected JSON")
        return json.loads(body)

    def _read_exactly(self, count: int) -> bytes:
        data = self._process.stdout.read(count)
        if len(data) == count:
            return data
        raise WorkerDied(f"the worker ended with {self._process.wait()}")
