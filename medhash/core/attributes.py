"""The attributes that structured codes follow: modality, organ, pathology …, and labels that combine them."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pyarrow as pa

COMBINATION = "combination"
"""labels.attribute: an image's label says one value of each attribute of labels.structure."""
SEPARATOR, UNKNOWN = " · ", "–"
"""Between the values of a combination, and in the place of one that is not known."""
MODALITY, ORGAN = "modality", "organ"
_OF_THEIR_OWN, _NOT_KNOWN = (MODALITY, ORGAN), "unknown"
"""Attributes with columns of their own, and what these say where they do not know."""
ORIGINS = ("archive", "collection")
"""Label attributes that say where an image comes from: the joined archive, the collection within an archive."""

Values = tuple[str, ...]
"""An image's values of one attribute: none where it is not known, several where several findings are."""


def values_of(images: pa.Table, attribute: str) -> list[Values]:
    """Every image's values of an attribute, in the images' order; each value once, in the archive's order.

    images: contract IMAGES. modality and organ have columns of their own; any other attribute is what labels stand
    under.
    """
    if attribute in _OF_THEIR_OWN:
        return [() if value == _NOT_KNOWN else (value,) for value in images[attribute].to_pylist()]
    return [
        tuple(dict.fromkeys(label["label"] for label in labels if label["attribute"] == attribute))
        for labels in images["labels"].to_pylist()
    ]


def combinations(by_attribute: Sequence[Values]) -> list[str]:
    """The labels of an image with these values, one for each way to take a value of each attribute.

    An image that knows none of its attributes has none.
    """
    if not any(by_attribute):
        return []
    return [SEPARATOR.join(chosen) for chosen in product(*(values or (UNKNOWN,) for values in by_attribute))]


def parts(combination: str) -> list[str | None]:
    """The values of a combination, None for one that is not known."""
    return [None if value == UNKNOWN else value for value in combination.split(SEPARATOR)]


def targets(of_labels: np.ndarray, of_label: Sequence[int | None], n_values: int) -> np.ndarray:
    """What cases have of one attribute: bool, (n, n_values); a row without a value is one where it is not known.

    of_labels: bool or 0/1, (n, L), the combinations each case carries; of_label: document Attribute, of that attribute.
    """
    found = np.zeros((len(of_labels), n_values), dtype=bool)
    for label, value in enumerate(of_label):
        if value is not None:
            found[:, value] |= of_labels[:, label] > 0
    return found
