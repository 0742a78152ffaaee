"""How labels are spread over folds, patients and origins, counted by hand."""

import numpy as np
import pyarrow as pa

from medhash.core.contracts import IMAGES, LABEL_SETS, LABELS
from medhash.retrieval.label_spread import label_matrix, origins_of_cases, patients_of_half, patients_per_label


def test_patients_with_and_without_a_label_are_counted_once_per_fold() -> None:
    labels = pa.table(
        {
            "bag_id": list("abcdef"),
            "patient_id": ["p", "p", "q", "r", "s", "s"],
            "fold": ["train", "train", "train", "test", "test", "test"],
            "set_id": [0, 1, 0, 1, 0, 0],
        }
    ).cast(LABELS)
    sets = pa.table({"set_id": [0, 1], "labels": [[0], [0, 1]], "n_bags": [4, 2]}).cast(LABEL_SETS)
    carried = label_matrix(labels, sets, 2)
    assert carried.tolist() == [[True, False], [True, True], [True, False], [True, True], [True, False], [True, False]]
    counts = patients_per_label(labels, carried)
    assert counts[0].tolist() == [[2, 0], [1, 2]]  # train; p has a case of either kind
    assert counts[1].tolist() == [[0, 0], [0, 0]]
    assert counts[2].tolist() == [[2, 0], [1, 1]]
    kept = np.array([True, True, True, False, True, True])
    assert patients_per_label(labels, carried, kept)[2].tolist() == [[1, 0], [0, 1]]


def test_a_case_whose_images_name_two_collections_has_no_origin() -> None:
    sources = [["ward"], ["ward"], ["clinic"], ["ward"], []]
    given = {
        "image_id": list("12345"),
        "bag_id": ["a", "a", "b", "b", "c"],
        "labels": pa.array(
            [[{"attribute": "collection", "label": name} for name in names] for names in sources],
            IMAGES.field("labels").type,
        ),
    }
    images = pa.table({name: given.get(name, pa.nulls(5, IMAGES.field(name).type)) for name in IMAGES.names})
    labels = pa.table({"bag_id": ["c", "b", "a"]})
    assert {name: origins.tolist() for name, origins in origins_of_cases(images, labels).items()} == {
        "collection": ["", "", "ward"]
    }
    assert origins_of_cases(images.slice(4), labels) == {}


def test_half_of_the_cases_belong_to_the_fewest_patients_who_reach_it() -> None:
    assert patients_of_half(np.array(list("aabc"))) == 1
    assert patients_of_half(np.array(list("abcd"))) == 2
    assert patients_of_half(np.array(list("abcde"))) == 3
