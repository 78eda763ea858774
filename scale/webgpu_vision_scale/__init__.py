"""Indexes of pictures made on many machines: Ray Data runs webgpu-vision's workers and writes Lance."""

from .worker import Worker, WorkerDied

__all__ = ["Worker", "WorkerDied"]
