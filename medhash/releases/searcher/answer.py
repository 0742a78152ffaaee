"""Answering a query: the image files of a case → its code → the nearest cases, and the time each step took."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medhash.core.errors import MedhashError
from medhash.releases.searcher.case import Case, decode_case, names_of
from medhash.releases.searcher.loaded import Found, LoadedRelease
from medhash.retrieval.preference import Preference


@dataclass(frozen=True)
class Answer:
    """The neighbours of a case, nearest first."""

    case: Case
    """The query as the model saw it."""
    neighbours: list[Found]
    attention: dict[int, float] | None
    """Number of each of the query's images → its share of the code, all together one; None of one image, and of
    models that do not weigh the images of a case."""
    memberships: dict[str, dict[str, float]]
    """Attribute → value → the query's membership in it; empty of a model without attributes."""
    preference: Preference | None
    """What was asked for; None for the order of the whole code."""
    decode_ms: float
    encode_ms: float
    search_ms: float
    method: str
    bits: int
    of_bags: bool
    """Whether the gallery's cases are bags, not single images."""
    are_cut: bool
    """Whether every image is cut into parts, which are then what a case is made of."""
    version: str | None
    """Number of the release's version in MLflow; None for a folder given by hand."""


def answer(
    release: LoadedRelease,
    images: Sequence[Path],
    k: int,
    exclude_patient: str | None = None,
    version: str | None = None,
    preference: Preference | None = None,
) -> Answer:
    """The k cases of the gallery nearest to the case shown by the image files, without those of `exclude_patient`.

    Raises MedhashError, which does not name the file but its place among them, if one cannot be read, if there are
    more than a case may have, if k < 1, or if the preference does not fit the release.
    """
    spec, size_px = release.model.spec, release.release.preprocessing.size_px
    blank = np.zeros((1, release.release.preprocessing.channels, size_px, size_px), np.uint8)
    release.model.codes(blank, np.array([0, 1]))  # the first call builds the network
    names = names_of(len(images))
    started = time.perf_counter()
    case = decode_case(_contents(images, names), names, release.release.preprocessing)
    decoded = time.perf_counter()
    coded, attention, memberships = release.coded(case), _attention(release, case), release.memberships(case)
    encoded = time.perf_counter()
    neighbours = release.found(case, coded, k, exclude_patient, preference)
    found = time.perf_counter()
    return Answer(
        case,
        neighbours,
        attention,
        memberships,
        preference,
        1e3 * (decoded - started),
        1e3 * (encoded - decoded),
        1e3 * (found - encoded),
        spec.method,
        spec.bits,
        release.of_bags,
        release.release.preprocessing.grid > 0,
        version,
    )


def _contents(images: Sequence[Path], names: Sequence[str]) -> Iterator[bytes]:
    """One file after the other, so that a case of large films is never in memory as a whole."""
    for image, name in zip(images, names, strict=True):
        try:
            content = image.read_bytes()
        except OSError as error:
            raise MedhashError(
                f"{name} cannot be opened: {error.strerror}", "give the path of a PNG, JPEG or DICOM file"
            ) from error
        yield content


def _attention(release: LoadedRelease, case: Case) -> dict[int, float] | None:
    """The weights of a file's parts count together."""
    if len(case.numbers) == 1:
        return None
    weights = release.model.attention(case.pixels, case.starts)
    if weights is None:
        return None
    return {number: float(weights[case.image_of == number].sum()) for number in case.numbers}
