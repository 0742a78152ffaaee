"""How many rows train side by side on this machine."""

import os

import psutil

from components.params import Params

_BASE_BYTES = 1400 << 20
"""A process with torch, the tables and a network: at 64 px the narrow networks took 0.97 GB, AlexNet 1.4 GB."""
_BYTES_PER_PIXEL = 60_000
"""Activations of a batch and their gradients, per pixel of one image."""


def default_jobs(params: Params) -> int:
    """min(cores / train.threads, available memory / what a row takes), at least 1."""
    cores = len(os.sched_getaffinity(0)) // params.train.threads
    memory = psutil.virtual_memory().available // row_bytes(params.size_px)
    return int(max(1, min(cores, memory)))


def row_bytes(size_px: int) -> int:
    """An estimate of the memory that one row takes, on the generous side."""
    return _BASE_BYTES + _BYTES_PER_PIXEL * size_px**2
