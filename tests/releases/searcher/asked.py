"""Query images of a small store, and what each of its releases must answer, counted from its code table alone."""

from pathlib import Path

import cv2
import numpy as np
from releases.champion.registered import register, workspace_with_store

from medhash.core.workspace import Workspace

ROWS = (3, 40, 101)
"""Images that ask: two of the gallery, one of the test patients."""
K = 7
Expected = dict[tuple[str, str], list[tuple[str, int]]]
"""(version, name of an image file) → (image_id, distance) of its neighbours."""


def two_versions(root: Path) -> Workspace:
    """A store with versions 1 and 2, the second champion, and query images as ROW.png."""
    workspace = workspace_with_store(root)
    for seed in (1, 2):
        register(workspace, seed)
    pixels = np.load(workspace.pixels)
    for row in ROWS:
        cv2.imwrite(str(root / f"{row}.png"), pixels[row, 0])
    return workspace


def expected_answers(root: Path) -> Expected:
    """By brute force: bits counted one by one, ties by image_id."""
    import pyarrow.parquet as pq

    answers: Expected = {}
    for version in (1, 2):
        table = pq.read_table(root / f"made-{version}" / "release" / "codes.parquet")
        bits = {
            image_id: np.unpackbits(np.frombuffer(code, np.uint8))
            for image_id, code in zip(table["bag_id"].to_pylist(), table["code"].to_pylist(), strict=True)
        }
        gallery = [
            image_id
            for image_id, fold in zip(table["bag_id"].to_pylist(), table["fold"].to_pylist(), strict=True)
            if fold != "test"
        ]
        for row in ROWS:
            own = bits[f"{row:016x}"]
            ranked = sorted((int((bits[image_id] != own).sum()), image_id) for image_id in gallery)
            answers[str(version), f"{row}.png"] = [(image_id, distance) for distance, image_id in ranked[:K]]
    return answers
