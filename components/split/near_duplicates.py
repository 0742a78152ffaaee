"""Patients whose images are nearly the same picture: slices of one scan, frames of one film, a film under two numbers.

Where an archive does not name patients, each image counts as one, and near duplicates would be in train and in test.
"""

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from medhash.core.errors import MedhashError

SIDE = 24
"""px of the small pictures that are compared."""
_BLOCK = 2048
_FLAT = 1e-6


def linked_patients(
    images: pa.Table, numbers: np.ndarray, n_patients: int, pixels: np.ndarray, threshold: float
) -> np.ndarray:
    """The group of every patient, int (patients,): 0, 1 …; two are in one where a chain of near duplicates joins them.

    images: contract IMAGES; numbers: patient number of every image; pixels: the pixel store, uint8 (m, C, S, S).
    Two images are near duplicates where the Pearson correlation of their 24 × 24 grey values exceeds the threshold;
    only images of one modality and organ are compared. An image without pixels, or of one grey, is like no other.
    """
    rows = images["pixel_row"].fill_null(-1).to_numpy()
    kinds = np.unique(
        [
            f"{modality}\0{organ}"
            for modality, organ in zip(images["modality"].to_pylist(), images["organ"].to_pylist(), strict=True)
        ],
        return_inverse=True,
    )[1]
    first, second = [], []
    for kind in range(kinds.max(initial=-1) + 1):
        chosen = np.flatnonzero((kinds == kind) & (rows >= 0))
        for left, right in near_pairs(_thumbnails(pixels, rows[chosen]), threshold):
            first.append(numbers[chosen[left]])
            second.append(numbers[chosen[right]])
    links = np.concatenate([*first, np.zeros(0, np.int64)]), np.concatenate([*second, np.zeros(0, np.int64)])
    graph = coo_array((np.ones(len(links[0]), np.int8), links), shape=(n_patients, n_patients))
    groups: np.ndarray = connected_components(graph, directed=False)[1]
    return groups


def near_pairs(thumbnails: np.ndarray, threshold: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Positions of all pairs whose correlation exceeds the threshold, a block of rows at a time.

    thumbnails: float32, (n, d), each of mean 0 and length 1, or all zero.
    """
    found = []
    for start in range(0, len(thumbnails), _BLOCK):
        correlation = thumbnails[start : start + _BLOCK] @ thumbnails[start:].T  # (block, n - start)
        left, right = np.nonzero(correlation > threshold)
        found.append((left[left < right] + start, right[left < right] + start))
    return found


def _thumbnails(pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Small grey copies, each of mean 0 and length 1: float32, (n, 576)."""
    import cv2

    small = np.empty((len(rows), SIDE * SIDE), np.float32)
    for place, row in enumerate(rows):
        grey = pixels[row].astype(np.float32).mean(axis=0)
        small[place] = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel()
    small -= small.mean(axis=1, keepdims=True)
    length = np.linalg.norm(small, axis=1, keepdims=True)
    return np.divide(small, length, out=np.zeros_like(small), where=length > _FLAT)


def leaders_of(groups: np.ndarray, patients: list[str]) -> list[int]:
    """Of every group the number of the patient whose pseudonym is the least, by group."""
    leader: dict[int, int] = {}
    for number in sorted(range(len(patients)), key=patients.__getitem__):
        leader.setdefault(int(groups[number]), number)
    return [leader[group] for group in range(len(leader))]


def one_fold_per_group(folds: list[str], groups: np.ndarray, patients: list[str]) -> list[str]:
    """Folds in which all patients of a group have that of its leader."""
    leaders = leaders_of(groups, patients)
    return [folds[leaders[group]] for group in groups]


def require_pixels(pixels: np.ndarray | None) -> np.ndarray:
    if pixels is None:
        raise MedhashError(
            "split.near_duplicates compares pixels, but ingest has written none",
            "run ingest with ingest.metadata_only: false, or set split.near_duplicates to 0",
        )
    return pixels
