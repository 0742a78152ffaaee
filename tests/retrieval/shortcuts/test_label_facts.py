"""Labels from records alone, against tables where the answer is known."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from medhash.core.contracts import IMAGES, LABEL_SETS, LABELS
from medhash.core.documents import Vocabulary
from medhash.retrieval.label_facts import TOGETHER, labels_by_facts

N = 400
NAMES = ["Edema", "Mass"]
FOLDS = np.where(np.arange(N) < 200, "train", "test")
AP = np.arange(N) % 2 == 0


def tables(has_edema: np.ndarray, has_mass: np.ndarray, **columns: Any) -> tuple[Any, ...]:
    """Films of one patient each with up to two labels."""
    ids = [f"{number:016x}" for number in range(N)]
    given = {
        **dict.fromkeys(("image_id", "patient_id", "study_id", "bag_id"), ids),
        "source_row": np.arange(N),
        "modality": ["xray"] * N,
        "organ": ["chest"] * N,
        "labels": pa.array([[]] * N, IMAGES.field("labels").type),
    } | columns
    images = pa.table({field.name: given.get(field.name, pa.nulls(N, field.type)) for field in IMAGES}).cast(IMAGES)
    sets = has_edema.astype(int) + 2 * has_mass.astype(int)
    labels = pa.table({"bag_id": ids, "patient_id": ids, "fold": FOLDS, "set_id": sets}).cast(LABELS)
    label_sets = pa.table({"set_id": range(4), "labels": [[], [0], [1], [0, 1]], "n_bags": [0] * 4}).cast(LABEL_SETS)
    return images, labels, label_sets, Vocabulary(attribute="finding", labels=NAMES, n_bags={}, n_unlabelled={})


def test_a_label_that_one_view_has_is_told_by_the_view_and_others_are_not() -> None:
    chance = np.random.default_rng(0).random(N) < 0.5
    found = labels_by_facts(*tables(AP, chance, view=np.where(AP, "AP", "PA")), seed=1)
    assert [row.fact for row in found] == ["view"]
    assert (found[0].strongest, found[0].strongest_auc) == ("Edema", 1.0)
    assert found[0].auc == pytest.approx(0.75, abs=0.05)


def test_facts_together_tell_what_neither_tells_alone() -> None:
    old = np.arange(N) % 4 < 2
    carried = AP & old
    ages = pa.array(np.where(old, 70, 30), pa.int16())
    found = labels_by_facts(*tables(carried, carried, view=np.where(AP, "AP", "PA"), age=ages), seed=1)
    by_fact = {row.fact: row.auc for row in found}
    assert list(by_fact) == ["view", "age group", TOGETHER]
    assert by_fact[TOGETHER] == 1.0
    assert max(by_fact["view"], by_fact["age group"]) == pytest.approx(5 / 6, abs=0.01)


def test_labels_without_a_test_case_on_either_side_are_left_out() -> None:
    in_train = FOLDS == "train"
    found = labels_by_facts(*tables(AP, in_train & AP, view=np.where(AP, "AP", "PA")), seed=1)
    assert found[0].auc == found[0].strongest_auc == 1.0
    assert labels_by_facts(*tables(in_train, in_train, view=np.where(AP, "AP", "PA")), seed=1) == []
    assert labels_by_facts(*tables(AP, AP), seed=1) == []
