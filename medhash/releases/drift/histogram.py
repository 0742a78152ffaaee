"""Histograms in which every patient counts once, and the bins they share."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from medhash.core.documents import Document

OTHER_BIN = "(another)"
"""The bin of what the baseline did not hold, or held too rarely for a bin of its own."""
N_QUANTILES = 10
_MOST_CATEGORIES = 20


class Sample(NamedTuple):
    """How a sample spreads over the values of one measure, before it is binned."""

    values: np.ndarray
    """(V,), distinct and sorted; str for a category, float for a number."""
    patients: np.ndarray
    """(V,), float: patients at each value. A patient counts 1 in all, whatever the number of its images."""
    n_images: int
    n_patients: int


class Histogram(Document):
    """Patients per bin; the bins are categories by name, or intervals of a number."""

    names: list[str]
    """Categories; what is none of them falls into the bin OTHER_BIN, which is one of them. Empty for a number."""
    edges: list[float]
    """Upper ends, inclusive, of all intervals but the last, which is open. Empty for categories."""
    patients: list[float]
    """A patient counts 1, spread over the bins in which its images lie."""
    n_images: int
    n_patients: int

    @property
    def shares(self) -> np.ndarray:
        """(B,), summing to 1."""
        return np.array(self.patients) / self.n_patients

    def bins(self) -> list[str]:
        """A name for each bin."""
        if self.names:
            return self.names
        texts = [f"{edge:.4g}" for edge in self.edges]
        return [f"≤ {texts[0]}", *(f"{low} – {high}" for low, high in pairwise(texts)), f"> {texts[-1]}"]

    def refilled(self, spread: Sample) -> "Histogram":
        """Another sample over the same bins."""
        if self.names:
            place = {name: number for number, name in enumerate(self.names)}
            numbers = np.array([place.get(value, place[OTHER_BIN]) for value in spread.values.tolist()], dtype=np.int64)
        else:
            numbers = np.searchsorted(np.array(self.edges), spread.values, side="left")
        filled = np.bincount(numbers, spread.patients, minlength=len(self.patients))
        return self.model_copy(
            update={
                "patients": np.round(filled, 9).tolist(),
                "n_images": spread.n_images,
                "n_patients": spread.n_patients,
            }
        )


def sample_of(values: np.ndarray, shares: np.ndarray, patients: np.ndarray) -> Sample:
    """The spread of observations; several may be of one image.

    values: (E,). shares: (E,), the part of its image that each stands for. patients: (E,), number of its patient.
    Within a patient every image counts alike. Raises ValueError if there is no observation.
    """
    _, patient_of = np.unique(patients, return_inverse=True)
    images_of = np.bincount(patient_of, shares)  # images per patient
    distinct, place = np.unique(values, return_inverse=True)
    return Sample(
        distinct, np.bincount(place, shares / images_of[patient_of]), round(float(shares.sum())), len(images_of)
    )


def by_category(spread: Sample, always: tuple[str, ...] = (), most: int = _MOST_CATEGORIES) -> Histogram:
    """Bins: the categories of `always`, then the most frequent others up to `most`, then OTHER_BIN."""
    found = sorted(zip((-spread.patients).tolist(), spread.values.tolist(), strict=True))
    names = [name for _, name in found if name not in always and name != OTHER_BIN][: max(most - len(always), 0)]
    return _empty(names=[*always, *sorted(names), OTHER_BIN]).refilled(spread)


def by_quantile(spread: Sample) -> Histogram:
    """Bins: ten intervals that hold a tenth of the patients each; fewer where values repeat.

    An end is the least value up to which k tenths lie. The last interval may be empty, and then holds whatever a
    later sample has above all that was seen.
    """
    reached = np.cumsum(spread.patients) / spread.n_patients
    tenths = np.arange(1, N_QUANTILES) / N_QUANTILES
    places = np.searchsorted(reached, tenths - 1e-9)
    return _empty(edges=np.unique(spread.values[places]).astype(float).tolist()).refilled(spread)


def _empty(*, names: list[str] | None = None, edges: list[float] | None = None) -> Histogram:
    n_bins = len(names) if names else len(edges or []) + 1
    return Histogram(names=names or [], edges=edges or [], patients=[0.0] * n_bins, n_images=0, n_patients=0)
