"""What the images that a champion was trained on looked like: histograms, and nothing that tells one image."""

from pathlib import Path
from typing import Literal

import numpy as np

from medhash.core.arrays import open_array
from medhash.core.documents import Document, Vocabulary
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.releases.drift.histogram import Histogram, Sample, by_category, by_quantile, sample_of
from medhash.releases.drift.spreads import (
    AGE_BANDS,
    CODE_DISTANCE,
    NO_LABEL,
    UNKNOWN,
    Cohort,
    nearest_distances,
    pixel_spreads,
    read_cohort,
    table_spreads,
)
from medhash.retrieval.code_table import read_codes, unpacked_bytes
from medhash.retrieval.index import GALLERY_FOLDS, load_index


class Profile(Document):
    """profile.json of a release. Counts of patients, names of categories and ends of intervals only."""

    format: Literal[1] = 1
    size_px: int
    """Of the images whose greys were counted."""
    attribute: str
    """Which labels: finding, mesh …"""
    labels: list[str]
    """The label names of the model, in index order."""
    measures: dict[str, Histogram]
    """Name as in spreads.MEASURES; one that could not be measured is missing."""


def profile_release(workspace: Workspace, method: str) -> Profile:
    """The profile of the current images, as a method's model was trained on and is searched in.

    All measures but one are of the gallery: the folds train and val. Distances of codes are of the held-out test
    cases, each to its nearest gallery code of another patient, as new images will be measured. Raises MedhashError
    if the gallery is empty or the tables do not belong together.
    """
    cohort, vocabulary = read_cohort(workspace), Vocabulary.read(workspace.vocabulary)
    gallery = cohort.of_folds(*GALLERY_FOLDS)
    if not len(gallery):
        raise MedhashError(
            f"no image with pixels is in the folds {' and '.join(GALLERY_FOLDS)}",
            "set split.test_share in params.yaml so that images remain",
        )
    pixels = pixels_of(workspace, gallery)
    spreads = table_spreads(gallery, vocabulary.attribute, vocabulary.labels) | pixel_spreads(gallery, pixels)
    always = {"labels": (*vocabulary.labels, NO_LABEL), "age": (*AGE_BANDS, UNKNOWN)}
    measures = {}
    for name, spread in spreads.items():
        if spread.values.dtype.kind == "U":
            limit = {"most": 0} if name in always else {}
            measures[name] = by_category(spread, always.get(name, ()), **limit)
        else:
            measures[name] = by_quantile(spread)
    distances = _held_out_distances(workspace, method, cohort.of_folds("test"))
    if distances is not None:
        measures[CODE_DISTANCE] = by_quantile(distances)
    return Profile(
        size_px=int(pixels.shape[-1]), attribute=vocabulary.attribute, labels=vocabulary.labels, measures=measures
    )


def pixels_of(workspace: Workspace, cohort: Cohort) -> np.ndarray:
    """The pixel store, memory-mapped. Raises MedhashError if it is missing, damaged, or too short for the cohort."""
    pixels = open_array(workspace.pixels, "ingest")
    last = int(cohort.images["pixel_row"].to_numpy().max(initial=-1))
    if last >= len(pixels):
        raise MedhashError(
            f"{workspace.pixels} has {len(pixels)} rows, but images.parquet points to row {last}",
            "run ingest again, or `dvc repro`",
        )
    return pixels


def distance_sample(distances: np.ndarray, patient_ids: np.ndarray) -> Sample | None:
    """Of the cases that have a distance; None where none has."""
    found = ~np.isnan(distances)
    if not found.any():
        return None
    return sample_of(distances[found], np.ones(int(found.sum())), patient_ids[found])


def _held_out_distances(workspace: Workspace, method: str, test: Cohort) -> Sample | None:
    codes = read_codes(workspace.codes(method))
    rows = dict(zip(codes["bag_id"].to_pylist(), range(codes.num_rows), strict=True))
    bag_ids, patient_ids = test.bags()
    places = [rows.get(bag_id) for bag_id in bag_ids.tolist()]
    if None in places:
        raise MedhashError(
            f"{places.count(None)} test cases have no code of {method}", "run encode again, or `dvc repro`"
        )
    packed = unpacked_bytes(codes["code"].combine_chunks())[np.array(places, dtype=np.int64)]
    index = load_index(workspace.index(method))
    return distance_sample(nearest_distances(index, packed, patient_ids), patient_ids)


def read_profile(folder: Path) -> Profile | None:
    """profile.json of a release folder; None where the release has none, as older ones do."""
    path = folder / "profile.json"
    return Profile.read(path) if path.exists() else None
