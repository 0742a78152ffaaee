"""How the cases of each label are spread: over folds, over patients, and over the origins of images."""

import numpy as np
import pyarrow as pa

from medhash.core.attributes import ORIGINS, values_of
from medhash.core.contracts import FOLDS

NO_ORIGIN = ""
"""Of a case whose images do not say where they come from, or come from several places."""


def label_matrix(labels: pa.Table, label_sets: pa.Table, n_labels: int) -> np.ndarray:
    """Which labels each case carries, bool (cases, labels), in the order of labels. Contracts LABELS and LABEL_SETS.

    A set that label_sets lacks counts as empty; another gate says so.
    """
    set_ids = labels["set_id"].to_numpy()
    return labels_of_sets(label_sets, n_labels, int(set_ids.max(initial=-1)) + 1)[set_ids]


def labels_of_sets(label_sets: pa.Table, n_labels: int, n_sets: int = 0) -> np.ndarray:
    """Which labels each set holds, bool (sets, labels), row = set_id; n_sets rows or more. Contract LABEL_SETS."""
    known = label_sets["set_id"].to_pylist()
    carried = np.zeros((max(n_sets, max(known, default=-1) + 1), n_labels), dtype=bool)
    for set_id, members in zip(known, label_sets["labels"].to_pylist(), strict=True):
        carried[set_id, [member for member in members if 0 <= member < n_labels]] = True
    return carried


def patients_per_label(labels: pa.Table, carried: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
    """Patients with a case that carries each label, and with a case that does not: int (folds, labels, 2).

    carried: bool (cases, labels), as label_matrix gives it; kept: which cases count, bool (cases,), all by default. A
    patient with cases of both kinds counts in both.
    """
    folds = np.asarray(labels["fold"].to_numpy(), dtype=str)
    patients = np.unique(np.asarray(labels["patient_id"].to_numpy(), dtype=str), return_inverse=True)[1]
    counts = np.zeros((len(FOLDS), carried.shape[1], 2), dtype=np.int64)
    for number, fold in enumerate(FOLDS):
        inside = folds == fold if kept is None else (folds == fold) & kept
        for label, has in enumerate(carried.T):
            counts[number, label] = [len(np.unique(patients[inside & side])) for side in (has, ~has)]
    return counts


def origins_of_cases(images: pa.Table, labels: pa.Table) -> dict[str, np.ndarray]:
    """Attribute of ORIGINS → where each case comes from, str (cases,), in the order of labels.

    Only attributes that an image has. images: contract IMAGES.
    """
    found = {}
    bag_ids = images["bag_id"].to_pylist()
    for attribute in ORIGINS:
        of_bag: dict[str, set[str]] = {}
        for bag_id, values in zip(bag_ids, values_of(images, attribute), strict=True):
            of_bag.setdefault(bag_id, set()).update(values)
        if any(of_bag.values()):
            sources = [of_bag.get(bag_id, set()) for bag_id in labels["bag_id"].to_pylist()]
            found[attribute] = np.array(
                [next(iter(values)) if len(values) == 1 else NO_ORIGIN for values in sources], dtype=str
            )
    return found


def patients_of_half(patient_ids: np.ndarray) -> int:
    """The fewest patients that together hold half of these cases or more. patient_ids: (cases,), one or more."""
    n_cases = np.sort(np.unique(patient_ids, return_counts=True)[1])[::-1]
    return int(np.searchsorted(np.cumsum(n_cases), n_cases.sum() / 2)) + 1
