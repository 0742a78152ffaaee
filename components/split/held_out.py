"""Folds under split.strategy `combination`: patients with an image of a held-out combination leave train."""

import numpy as np
import pyarrow as pa

from components.split.hashed import uniform
from medhash.core.attributes import Values, values_of
from medhash.core.errors import MedhashError
from medhash.core.params import SplitParams


def held_out_folds(
    images: pa.Table, patients: list[str], numbers: np.ndarray, folds: list[str], settings: SplitParams, seed: int
) -> list[str]:
    """Folds with every patient of a held-out image moved out of train: half to val, half to test, by a hash.

    images: contract IMAGES; numbers: patient number of every image; folds: of every patient, before the move. Val is
    part of the gallery that test searches. Nothing in train is relevant to them, so they choose no epoch.
    Raises MedhashError for a combination of fewer than two patients, and if no training image is left with one of its
    values, which could then not be learnt.
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
                "patients; it needs two, one for the queries and one for the gallery",
                f"change or remove it; the archive has {_offered(combination, known)}",
            )
        asks = [uniform("held out", patients[number], seed) < 0.5 for number in held]
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
                    f"{value}, so no method could learn it",
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
