"""Folds in which every label has its share of images, by iterative stratification over patients."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medhash.core.contracts import FOLDS
from medhash.core.errors import MedhashError
from medhash.core.params import SplitParams


def stratified_folds(
    images: pa.Table, patients: list[str], numbers: np.ndarray, settings: SplitParams, seed: int
) -> list[str]:
    """Fold per patient: the rarest label's patients are placed first, each where that label lacks most cases.

    images: contract IMAGES; numbers: patient number of every image. Deterministic by seed and patient ids, not
    by the order of the rows.
    Source: Sechidis et al. 2011, On the Stratification of Multi-Label Data, Algorithm 1. Deviations: the items
    are patients, weighted by their cases (bags of images) with the label. A fold takes exactly its share of patients.
    Ties are broken by a hash instead of at random.
    """
    shares = np.array(
        [
            (1 - settings.test_share) * (1 - settings.val_share),
            (1 - settings.test_share) * settings.val_share,
            settings.test_share,
        ]
    )
    places = _quotas(len(patients), shares)  # (folds,)
    counts = _label_counts(images, numbers, len(patients))  # (patients, labels)
    wanted = shares[:, None] * counts.sum(axis=0)[None, :]  # (folds, labels), bags
    order = np.argsort([hashlib.sha256(f"stratified\0{seed}\0{patient}".encode()).hexdigest() for patient in patients])
    fold = np.full(len(patients), -1)
    while (left := order[fold[order] < 0]).size:
        carriers = (counts[left] > 0).sum(axis=0)
        if not carriers.any():
            break
        label = int(np.argmin(np.where(carriers > 0, carriers, np.iinfo(np.int64).max)))
        rich_first = left[np.argsort(-counts[left, label], kind="stable")]
        for patient in rich_first[counts[rich_first, label] > 0]:
            lack = np.where(places > 0, wanted[:, label], -np.inf)
            best = np.flatnonzero(lack == lack.max())
            chosen = best[np.argmax(places[best])]
            fold[patient] = chosen
            places[chosen] -= 1
            wanted[chosen] -= counts[patient]
    unlabelled = order[fold[order] < 0]
    fold[unlabelled] = np.repeat(np.arange(len(FOLDS)), places)
    return [FOLDS[number] for number in fold]


def _quotas(n_patients: int, shares: np.ndarray) -> np.ndarray:
    """Whole patients per fold by largest remainder, at least one for every fold with a share."""
    wanted_folds = shares > 0
    if n_patients < wanted_folds.sum():
        raise MedhashError(
            f"too few patients for {wanted_folds.sum()} folds: {n_patients}",
            "ingest more patients, or set split.val_share to 0 in params.yaml; without a test fold "
            "nothing can be measured",
        )
    exact = shares * n_patients
    places = np.maximum(np.floor(exact).astype(int), wanted_folds)
    while places.sum() != n_patients:
        step = 1 if places.sum() < n_patients else -1
        gap = np.where(wanted_folds & (places + step >= 1), step * (exact - places), -np.inf)
        places[int(np.argmax(gap))] += step
    return places


def _label_counts(images: pa.Table, numbers: np.ndarray, n_patients: int) -> np.ndarray:
    """Bags of every patient with an image of every label, int (patients, labels); labels in alphabetical order."""
    labels = images["labels"].combine_chunks()
    image = np.asarray(pc.list_parent_indices(labels))
    flat = pc.list_flatten(labels)
    names = pc.binary_join_element_wise(pc.struct_field(flat, "attribute"), pc.struct_field(flat, "label"), "\0")
    known, column = np.unique(np.asarray(names.to_pylist(), dtype=object), return_inverse=True)
    bag = np.unique(np.asarray(images["bag_id"].to_numpy(), dtype=str), return_inverse=True)[1]
    once = np.unique(np.stack([numbers[image], bag[image], column]), axis=1)  # however many images of a bag have it
    counts = np.zeros((n_patients, len(known)), dtype=np.int64)
    np.add.at(counts, (once[0], once[2]), 1)
    return counts
