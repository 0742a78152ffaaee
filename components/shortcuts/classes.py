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


def classes_of_images(images: pa.Table, labels: pa.Table, label_sets: pa.Table,
                      vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    """Attribute → value of each image, str (n,): the attributes of the vocabulary, and `archive` if an image has one.

    An image has the values of its case. images, labels and label_sets: contracts of those names; every image's case
    stands in labels.
    """
    places = pc.index_in(images["bag_id"], value_set=labels["bag_id"].combine_chunks())
    sets = labels["set_id"].take(places).to_numpy()
    carried = _multi_hot(label_sets, len(vocabulary.labels))
    found = {attribute.name: _only_value(targets(carried, attribute.of_label, len(attribute.values)),
                                         attribute.values)[sets] for attribute in vocabulary.attributes}
    if ARCHIVE not in found:
        archives = [values[0] if len(values) == 1 else NONE for values in values_of(images, ARCHIVE)]
        if any(archives):
            found[ARCHIVE] = np.array(archives, dtype=str)
    return found


def _multi_hot(label_sets: pa.Table, n_labels: int) -> np.ndarray:
    """bool, (S, L): which labels each set holds, row number = set_id."""
    carried = np.zeros((max(label_sets["set_id"].to_pylist(), default=-1) + 1, n_labels), dtype=bool)
    for set_id, members in zip(label_sets["set_id"].to_pylist(), label_sets["labels"].to_pylist(), strict=True):
        carried[set_id, members] = True
    return carried


def _only_value(has: np.ndarray, values: list[str]) -> np.ndarray:
    """The name of each row's value, str (S,), where it has exactly one. has: bool, (S, V)."""
    if not values:
        return np.full(len(has), NONE)
    return np.where(has.sum(axis=1) == 1, np.array(values, dtype=str)[has.argmax(axis=1)], NONE)
