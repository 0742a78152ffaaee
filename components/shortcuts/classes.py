"""Which value of each attribute an image has: what a probe is asked to tell."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.documents import Vocabulary
from components.structure import targets, values_of

ARCHIVE = "archive"
"""The label attribute under which joined archives say where an image comes from."""
NONE = ""
"""Of an image that does not know an attribute, or has several of its values."""


def classes_of_images(
    images: pa.Table, labels: pa.Table, label_sets: pa.Table, vocabulary: Vocabulary
) -> dict[str, np.ndarray]:
    """Attribute → value of each image, str (n,): the attributes of the vocabulary, and `archive` if an image has one.

    An image has the values of its case. images, labels and label_sets: contracts of those names; every image's case
    stands in labels.
    """
    places = pc.index_in(images["bag_id"], value_set=labels["bag_id"].combine_chunks())
    sets = labels["set_id"].take(places).to_numpy()
    by_set = values_by_set(label_sets, vocabulary)
    found = {
        attribute.name: _only_value(by_set[attribute.name], attribute.values)[sets]
        for attribute in vocabulary.attributes
    }
    if ARCHIVE not in found:
        archives = [values[0] if len(values) == 1 else NONE for values in values_of(images, ARCHIVE)]
        if any(archives):
            found[ARCHIVE] = np.array(archives, dtype=str)
    return found


def values_by_set(label_sets: pa.Table, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    """Attribute → which of its values each label set has: bool, (S, V), row number = set_id.

    A row without a value is of sets that do not know the attribute.
    """
    ids = label_sets["set_id"].to_pylist()
    carried = np.zeros((max(ids, default=-1) + 1, len(vocabulary.labels)), dtype=bool)
    for set_id, members in zip(ids, label_sets["labels"].to_pylist(), strict=True):
        carried[set_id, members] = True
    return {
        attribute.name: targets(carried, attribute.of_label, len(attribute.values))
        for attribute in vocabulary.attributes
    }


def _only_value(has: np.ndarray, values: list[str]) -> np.ndarray:
    """The name of each row's value, str (S,), where it has exactly one. has: bool, (S, V)."""
    if not values:
        return np.full(len(has), NONE)
    return np.where(has.sum(axis=1) == 1, np.array(values, dtype=str)[has.argmax(axis=1)], NONE)
