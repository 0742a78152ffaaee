"""Answering a query: image file → code → nearest cases, and the time each step took."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.index.search import Neighbour, search
from components.ingest.decode import decode_file
from components.promote.loaded import LoadedRelease


@dataclass(frozen=True)
class Answer:
    """The neighbours of an image, nearest first."""

    pixels: np.ndarray
    """The query as the model saw it: uint8, (1, S, S)."""
    neighbours: list[Neighbour]
    labels: list[list[str]]
    """Label names of each neighbour."""
    decode_ms: float
    encode_ms: float
    search_ms: float
    method: str
    bits: int
    version: str | None
    """Number of the release's version in MLflow; None for a folder given by hand."""


def answer(release: LoadedRelease, image: Path, k: int, exclude_patient: str | None = None,
           version: str | None = None) -> Answer:
    """The k cases of the gallery nearest to an image file, without those of `exclude_patient`.

    Raises MedhashError, which does not name the file, if the image cannot be read, or if k < 1.
    """
    preprocessing, spec = release.release.preprocessing, release.model.spec
    size_px = preprocessing.size_px
    release.model.relaxed_pixels(np.zeros((1, 1, size_px, size_px), np.uint8))     # the first call builds the network
    started = time.perf_counter()
    pixels = decode_file(image, size_px, preprocessing.max_image_pixels)
    decoded = time.perf_counter()
    code = release.code(pixels)
    encoded = time.perf_counter()
    neighbours = search(release.index, code, k, exclude_patient)
    found = time.perf_counter()
    return Answer(pixels, neighbours, [release.label_sets[neighbour.set_id] for neighbour in neighbours],
                  1e3 * (decoded - started), 1e3 * (encoded - decoded), 1e3 * (found - encoded),
                  spec.method, spec.bits, version)


def in_bits(distance: int) -> str:
    """A distance in words: 0 bits, 1 bit, 2 bits …"""
    return f"{distance} bit{'' if distance == 1 else 's'}"


def as_text(reply: Answer) -> str:
    """What answered, a line per neighbour, and one for the time."""
    source = f"version {reply.version}" if reply.version is not None else "a release folder"
    lines = [f"answered by {source}: {reply.method}, {reply.bits} bits",
             f"{'rank':<6}{'image id':<18}{'distance':<10}labels"]
    for rank, (neighbour, labels) in enumerate(zip(reply.neighbours, reply.labels, strict=True), 1):
        lines.append(f"{rank:<6}{neighbour.image_id:<18}{in_bits(neighbour.distance):<10}"
                     f"{', '.join(labels) or 'no label'}")
    total_ms = reply.decode_ms + reply.encode_ms + reply.search_ms
    lines.append(f"{total_ms:.1f} ms: decode {reply.decode_ms:.1f}, encode {reply.encode_ms:.1f}, "
                 f"search {reply.search_ms:.2f}")
    return "\n".join(lines)
