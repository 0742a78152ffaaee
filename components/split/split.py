"""Patient-disjoint folds: the strategies behind one function."""

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa

from components.split.near_duplicates import leaders_of, linked_patients, one_fold_per_group, require_pixels
from components.split.stratified import stratified_folds
from medhash.core.attributes import Values, values_of
from medhash.core.contracts import FOLDS, SPLIT
from medhash.core.errors import MedhashError
from medhash.core.params import SplitParams


def hash_folds(patients: list[str], settings: SplitParams, seed: int) -> list[str]:
    """Fold per patient: test with probability test_share, else val with probability val_share, else train."""
    return [
        "test"
        if _uniform("test", patient, seed) < settings.test_share
        else "val"
        if in_validation(patient, settings, seed)
        else "train"
        for patient in patients
    ]


def in_validation(patient: str, settings: SplitParams, seed: int) -> bool:
    """Whether a patient who is not in test belongs to val."""
    return _uniform("val", patient, seed) < settings.val_share


def is_query(patient: str, seed: int) -> bool:
    """Whether a patient whose images nobody trains on asks (test), or is there to be found (val)."""
    return _uniform("held out", patient, seed) < 0.5


def _uniform(purpose: str, patient: str, seed: int) -> float:
    """A number in [0, 1): the first 53 bits of SHA-256 over purpose, seed and patient, so that 1.0 means all."""
    digest = hashlib.sha256(f"{purpose}\0{seed}\0{patient}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


_SHOWN = 20


def official_test_patients(
    images: pa.Table, numbers: np.ndarray, n_patients: int, both_lists: Literal["refuse", "train", "test"]
) -> np.ndarray:
    """Which patients the publisher put into test, bool (patients,).

    numbers: patient number of every image, (images,). Rows are named by their line in the archive's table.
    both_lists: where a patient goes whose images the publisher has put into both lists, as CBIS-DDSM has: no patient
    may stand in two folds, so train and test move all of the patient's images there.
    Raises MedhashError for an image in no official list, and for a patient in both under `refuse`.
    """
    official = images["official_fold"].to_numpy(zero_copy_only=False)
    rows = images["source_row"].to_numpy()
    known = np.isin(official, ["train_val", "test"])
    if not known.all():
        raise MedhashError(
            f"{np.sum(~known)} of {len(rows)} images stand in no official list, first on line {_lines(rows[~known])} "
            "of the archive's table",
            "add them to the publisher's lists, or set split.strategy: hash in params.yaml",
        )
    test = official == "test"
    n_images = np.bincount(numbers, minlength=n_patients)
    n_test = np.bincount(numbers[test], minlength=n_patients)
    both = (n_test > 0) & (n_test < n_images)
    if both.any() and both_lists == "refuse":
        raise MedhashError(
            f"{np.sum(both)} patients stand in both official lists, on line {_lines(rows[both[numbers]])} of the "
            "archive's table",
            "mend the lists, or set split.both_lists (train or test takes these patients whole) or "
            "split.strategy: hash in params.yaml",
        )
    return n_test == n_images if both_lists == "train" else n_test > 0


def _lines(rows: np.ndarray) -> str:
    shown = ", ".join(str(row) for row in np.sort(rows)[:_SHOWN])
    return shown + (" …" if len(rows) > _SHOWN else "")


def held_out_folds(
    images: pa.Table, patients: list[str], numbers: np.ndarray, folds: list[str], settings: SplitParams, seed: int
) -> list[str]:
    """Folds with every patient of a held-out image taken out of train: half go to val, half to test, by a hash.

    images: contract IMAGES; numbers: patient number of every image; folds: of every patient, else. In val they are in
    the gallery that test searches, but nothing in train is relevant to them, so that no epoch is chosen by them.
    Raises MedhashError for a combination that no image has or that one patient alone has, and where a value of one is
    left without any training image: what its parts look like could not be learnt.
    """
    if not settings.held_out:
        raise MedhashError(
            "split.strategy: combination, but split.held_out names no combination",
            "name one, such as {modality: mr, organ: breast}, or set split.strategy: hash",
        )
    known = {
        name: values_of(images, name)
        for name in sorted({name for combination in settings.held_out for name in combination})
    }
    units = np.array(folds, dtype=object)
    for combination in settings.held_out:
        carried = _carried(combination, known, images.num_rows)
        held = np.unique(numbers[carried])
        if len(held) < 2:
            raise MedhashError(
                f"split.held_out: {_text(combination)} is of {carried.sum()} images of {len(held)} "
                "patients; it takes two, one to ask and one to be found",
                f"mend it, or take it out; the archive has {_offered(combination, known)}",
            )
        asks = [is_query(patients[number], seed) for number in held]
        if len(set(asks)) == 1:  # of few patients a hash may send all the same way
            asks[0] = not asks[0]
        units[held] = np.where(asks, "test", "val")
    _require_parts(settings.held_out, known, units[numbers] == "train")
    return units.tolist()


def _carried(combination: dict[str, str], known: dict[str, list[Values]], n_images: int) -> np.ndarray:
    carried = np.ones(n_images, dtype=bool)
    for name, value in combination.items():
        carried &= np.array([value in values for values in known[name]], dtype=bool)
    return carried if combination else np.zeros(n_images, dtype=bool)


def _require_parts(held_out: list[dict[str, str]], known: dict[str, list[Values]], in_train: np.ndarray) -> None:
    for combination in held_out:
        for name, value in combination.items():
            if not any(value in values for values, trained in zip(known[name], in_train, strict=True) if trained):
                raise MedhashError(
                    f"split.held_out: {_text(combination)}: no training image is left with {name} "
                    f"{value}, so nobody could learn what it looks like",
                    f"hold out fewer combinations, or add images of {name} {value} in another one",
                )


def _text(combination: dict[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in combination.items()) or "an empty combination"


def _offered(combination: dict[str, str], known: dict[str, list[Values]]) -> str:
    return (
        "; ".join(
            f"{name}: {', '.join(sorted({value for values in known[name] for value in values})) or 'none'}"
            for name in combination
        )
        or "no attribute by that name"
    )


def split_patients(images: pa.Table, settings: SplitParams, seed: int, pixels: np.ndarray | None = None) -> pa.Table:
    """Place every image in a fold by its patient.

    images: contract IMAGES; pixels: the pixel store, which only settings.near_duplicates asks for: patients with nearly
    the same picture then share a fold, whatever the strategy. Returns contract SPLIT, sorted by image_id.
    `hash`: the fold depends on (seed, patient) alone, so that it never changes when patients arrive.
    `official`: the publisher's test patients; the others are divided into train and val by the same hash.
    `stratified`: exact shares of patients with the labels spread evenly; folds move when patients arrive.
    `combination`: hash, but patients with an image of a held-out combination are in val or test (split.held_out).
    Near duplicates take the fold of one patient among them; a new image that links two groups can move one.
    Raises MedhashError if a fold that is asked for would be empty, or the official folds do not serve.
    """
    encoded = images["patient_id"].combine_chunks().dictionary_encode()
    patients: list[str] = encoded.dictionary.to_pylist()
    numbers = np.asarray(encoded.indices)  # (images,) → row in patients
    groups = np.arange(len(patients))
    if settings.near_duplicates:
        groups = linked_patients(images, numbers, len(patients), require_pixels(pixels), settings.near_duplicates)
    if settings.strategy in ("hash", "combination"):
        folds = hash_folds(patients, settings, seed)
    elif settings.strategy == "official":
        in_test = official_test_patients(images, numbers, len(patients), settings.both_lists)
        folds = [
            "test" if test else "val" if in_validation(patient, settings, seed) else "train"
            for patient, test in zip(patients, in_test, strict=True)
        ]
    else:
        folds = stratified_folds(images, patients, numbers, settings, seed)
    if settings.near_duplicates:
        folds = one_fold_per_group(folds, groups, patients)
    if settings.strategy == "combination":
        leaders = leaders_of(groups, patients)
        folds = held_out_folds(
            images,
            [patients[leader] for leader in leaders],
            groups[numbers],
            [folds[leader] for leader in leaders],
            settings,
            seed,
        )
        folds = [folds[group] for group in groups]
    _refuse_empty_folds(folds, settings)
    split = pa.table(
        {
            "image_id": images["image_id"],
            "patient_id": images["patient_id"],
            "fold": pa.array(np.array(folds, dtype=object)[numbers], pa.string()),
        }
    )
    return split.sort_by("image_id").cast(SPLIT)


def describe_folds(split: pa.Table) -> str:
    """Images and patients of every fold, one line each."""
    lines = [f"{'fold':<7}{'images':>9}{'patients':>10}"]
    fold, patient = split["fold"].to_numpy(), split["patient_id"].to_numpy()
    for name in FOLDS:
        lines.append(f"{name:<7}{np.sum(fold == name):>9,}{len(set(patient[fold == name])):>10,}")
    return "\n".join(lines)


def _refuse_empty_folds(folds: Sequence[str], settings: SplitParams) -> None:
    wanted = {"train"}
    if settings.strategy == "official" or settings.test_share > 0:
        wanted.add("test")
    if settings.val_share > 0:
        wanted.add("val")
    empty = [fold for fold in FOLDS if fold in wanted and fold not in folds]
    if empty:
        raise MedhashError(
            f"fold {' and '.join(empty)} would have no patient: the archive has {len(folds)} "
            f"(strategy {settings.strategy}, test_share {settings.test_share}, val_share {settings.val_share})",
            "ingest more patients, or change split.strategy or the shares in params.yaml (stratified fills every "
            "fold from three patients on)",
        )
