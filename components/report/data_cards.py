"""The data section: cases, images, patients, labels per fold, views, sex and age, and what ingest rejected."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.report.retrievals import picture
from components.report.run import Run
from medhash.core.contracts import FOLDS
from medhash.core.plots import PALETTE, canvas
from medhash.retrieval.label_spread import label_matrix, patients_per_label


def ages(by_fold: dict[str, list[int]]) -> str:
    """Draw a stacked histogram in steps of ten years and return a data: URI. by_fold: fold → age per image."""
    with canvas(4.8, 1.9) as drawn:
        axes = drawn.figure.subplots()
        axes.hist(
            list(by_fold.values()),
            bins=range(0, 101, 10),
            stacked=True,
            rwidth=0.9,
            color=[PALETTE[0], PALETTE[5], PALETTE[1]][: len(by_fold)],
            label=list(by_fold),
        )
        axes.set(xlabel="age, years", ylabel="images")
        axes.grid(False, axis="x")
        axes.legend()
    return drawn.uri


_MOST_EXAMPLES = 16
_MOST_LABELS = 60


def data_cards(run: Run) -> dict[str, Any]:
    """Tables and pictures of the data section."""
    fold_of = dict(zip(run.labels["bag_id"].to_pylist(), run.labels["fold"].to_pylist(), strict=True))
    images = run.images.select(["bag_id", "patient_id", "view", "sex", "age"]).to_pylist()
    placed = [(image, fold_of[image["bag_id"]]) for image in images if image["bag_id"] in fold_of]
    folds = [fold for fold in FOLDS if any(place == fold for _, place in placed)]
    return {
        "folds": [_fold_row(fold, [image for image, place in placed if place == fold]) for fold in folds],
        "n_unplaced": len(images) - len(placed),
        "label_folds": folds,
        "labels": _label_rows(run, folds),
        "n_more_labels": max(0, len(run.vocabulary.labels) - _MOST_LABELS),
        "unlabelled": [run.vocabulary.n_unlabelled.get(fold, 0) for fold in folds],
        "ages": ages(
            {
                fold: [image["age"] for image, place in placed if place == fold and image["age"] is not None]
                for fold in folds
            }
        )
        if any(image["age"] is not None for image, _ in placed)
        else "",
        "rejected": Counter(run.rejected["reason"].to_pylist()).most_common(),
        "examples": _examples(run),
    }


def _fold_row(fold: str, images: list[dict[str, Any]]) -> dict[str, Any]:
    years = [image["age"] for image in images if image["age"] is not None]
    sizes = list(Counter(image["bag_id"] for image in images).values())
    return {
        "fold": fold,
        "n_images": len(images),
        "n_patients": len({image["patient_id"] for image in images}),
        "n_cases": len(sizes),
        "sizes": f"{np.median(sizes):g} ({min(sizes)}–{max(sizes)})",
        "views": _shares([image["view"] for image in images]),
        "sexes": _shares([image["sex"] for image in images]),
        "age": "{:.0f} ({:.0f}–{:.0f})".format(*np.percentile(years, [50, 25, 75])) if years else "not known",
    }


def _shares(values: list[str | None]) -> str:
    counts = Counter(value or "not known" for value in values)
    return ", ".join(f"{name} {count / len(values):.0%}" for name, count in sorted(counts.items()))


def _label_rows(run: Run, folds: list[str]) -> list[dict[str, Any]]:
    counts = {
        name: [run.vocabulary.n_bags.get(name, {}).get(fold, 0) for fold in folds] for name in run.vocabulary.labels
    }
    largest = max((sum(values) for values in counts.values()), default=0) or 1
    ordered = sorted(counts, key=lambda name: (-sum(counts[name]), name))[:_MOST_LABELS]
    carried = label_matrix(run.labels, run.label_sets, len(run.vocabulary.labels))
    in_test = patients_per_label(run.labels, carried)[FOLDS.index("test"), :, 0]
    n_patients = dict(zip(run.vocabulary.labels, in_test.tolist(), strict=True))
    return [
        {
            "label": name,
            "counts": counts[name],
            "total": sum(counts[name]),
            "n_test_patients": n_patients[name],
            "bar": 100 * sum(counts[name]) / largest,
        }
        for name in ordered
    ]


def _examples(run: Run) -> list[dict[str, str]]:
    """A case per label, by its first image, drawn with the run's seed of those whose pixels are there."""
    if not run.workspace.pixels.exists():
        return []
    pixels = np.load(run.workspace.pixels, mmap_mode="r")
    first_of = dict(zip(run.members.bag_ids.tolist(), run.members.rows[run.members.starts[:-1]].tolist(), strict=True))
    names = run.names_of_sets()
    random = np.random.default_rng(run.params.seed)
    examples = []
    for label in run.vocabulary.labels[:_MOST_EXAMPLES]:
        sets = [set_id for set_id, members in enumerate(names) if label in members]
        chosen = run.labels.filter(pc.is_in(run.labels["set_id"], value_set=pa.array(sets, pa.int32())))
        stored = [bag_id for bag_id in chosen["bag_id"].to_pylist() if bag_id in first_of]
        if stored:
            bag_id = stored[int(random.integers(len(stored)))]
            examples.append({"label": label, "uri": picture(pixels[first_of[bag_id]])})
    return examples
