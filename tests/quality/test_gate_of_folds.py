"""What the gate of labels says of folds that cannot measure a label, from tables without pixels."""

from dataclasses import dataclass

import pyarrow as pa
import pytest

from components.labels.folds_gate import inspect_folds
from components.quality.validation import checks_of, validate
from medhash.core.contracts import IMAGES, LABEL_SETS, LABELS
from medhash.core.documents import Check, Vocabulary
from medhash.core.params import QualityParams

NAMES = ["Mass", "No Finding", "Pneumonia"]
MASS, NOTHING, PNEUMONIA = range(3)


@dataclass(frozen=True)
class Group:
    """Films of so many patients, dealt out evenly, that carry one label."""

    fold: str
    label: int
    n_films: int
    n_patients: int
    collection: str


def checks(groups: list[Group], **limits: int) -> dict[str, Check]:
    """The checks by what they are about."""
    rows = [
        (f"{number:02}{film % group.n_patients:014}", group)
        for number, group in enumerate(groups)
        for film in range(group.n_films)
    ]
    ids = [f"{number:016x}" for number in range(len(rows))]
    patients = [patient for patient, _ in rows]
    columns = {
        **dict.fromkeys(("image_id", "study_id", "bag_id"), ids),
        "patient_id": patients,
        "source_row": range(len(rows)),
        "modality": ["xray"] * len(rows),
        "organ": ["chest"] * len(rows),
        "labels": pa.array(
            [[{"attribute": "collection", "label": group.collection}] for _, group in rows], IMAGES.field("labels").type
        ),
    }
    images = pa.table({field.name: columns.get(field.name, pa.nulls(len(rows), field.type)) for field in IMAGES})
    placed = {"bag_id": ids, "patient_id": patients, "fold": [group.fold for _, group in rows]}
    labels = pa.table(placed | {"set_id": [group.label for _, group in rows]})
    sets = pa.table({"set_id": range(3), "labels": [[0], [1], [2]], "n_bags": [0, 0, 0]})
    vocabulary = Vocabulary(attribute="finding", labels=NAMES, n_bags={}, n_unlabelled={})
    inspections = inspect_folds(
        images.cast(IMAGES), labels.cast(LABELS), sets.cast(LABEL_SETS), vocabulary, QualityParams(**limits)
    )
    found = zip(inspections, validate(inspections), strict=True)
    return {inspection.about: check for inspection, result in found for check in checks_of(inspection, result)}


def spread(fold: str, n_patients: int) -> list[Group]:
    """Films of every label in both collections, one of each patient."""
    return [Group(fold, label, n_patients, n_patients, source) for label in range(3) for source in ("ward", "clinic")]


SOUND = [*spread("train", 60), *spread("val", 12), *spread("test", 15)]
DEGENERATE = [
    *spread("train", 60),
    *spread("val", 12),
    Group("test", MASS, 180, 6, "ward"),
    Group("test", NOTHING, 107, 5, "ward"),
    Group("test", PNEUMONIA, 122, 69, "clinic"),
]
"""287 of 409 test films are of 11 patients, and all others carry one label and come from the other collection."""


def test_folds_that_hold_every_label_in_every_collection_pass_and_the_test_patients_are_printed():
    found = checks(SOUND)
    assert all(check.success for check in found.values())
    assert found["test patients of each label"].observed == "Mass: 30, No Finding: 30, Pneumonia: 30"


def test_a_test_list_of_few_patients_and_one_label_per_collection_is_told_in_plain_words():
    found = checks(DEGENERATE)
    failed = {about: check for about, check in found.items() if not check.success}
    assert list(failed) == ["patients of each label by collection", "patients behind most cases of a fold"]
    few = failed["patients behind most cases of a fold"]
    assert few.offending == ["test: 8 of 80 patients hold half of its 409 cases"]
    assert "split.max_test_cases_per_patient" in few.expectation
    by_collection = failed["patients of each label by collection"]
    assert {row.split(" (")[0] for row in by_collection.offending} == {
        "Mass in test, collection clinic, patients with it",
        "No Finding in test, collection clinic, patients with it",
        "Pneumonia in test, collection clinic, patients without it",
        "Pneumonia in test, collection ward, patients with it",
    }
    assert all("about " in row and row.endswith("expected): 0") for row in by_collection.offending)
    assert "the collection gives the label away" in by_collection.expectation
    assert found["test patients of each label"].observed == "Mass: 6, No Finding: 5, Pneumonia: 69"


@pytest.mark.parametrize(
    ("fold", "about", "row"),
    [
        ("train", "patients of each label in each fold", "Mass in train, patients with it: 0"),
        ("val", "patients of each label in each fold", "Mass in val, patients with it: 0"),
        ("test", "test patients of each label", "Mass: 0"),
    ],
)
def test_a_label_without_a_patient_in_a_fold_is_named_with_the_key_and_what_to_do(fold, about, row):
    check = checks([group for group in SOUND if (group.fold, group.label) != (fold, MASS)])[about]
    assert not check.success
    assert check.offending == [row]
    assert "quality.min_patients_per_label_and_fold" in check.expectation
    assert "split.strategy" in check.expectation
    assert "labels.classes" in check.expectation


def test_a_label_that_everyone_in_a_fold_carries_has_no_negatives():
    only_mass = [Group("val", MASS, 12, 12, "ward")]
    groups = [group for group in SOUND if group.fold != "val"] + only_mass
    assert "Mass in val, patients without it: 0" in checks(groups)["patients of each label in each fold"].offending


def test_a_label_too_rare_in_a_collection_to_be_expected_in_a_fold_is_not_asked_for_there():
    rare = [Group("train", PNEUMONIA, 6, 6, "elsewhere"), Group("train", MASS, 60, 60, "elsewhere")]
    found = checks([*SOUND, *rare])["patients of each label by collection"]
    assert found.offending == []


def test_limits_of_zero_ask_for_nothing():
    found = checks(DEGENERATE, min_patients_per_label_and_fold=0, min_patients_of_half_a_fold=0)
    assert all(check.success for check in found.values())


def test_few_patients_with_a_case_each_are_few_but_even():
    even = [Group(fold, label, 4, 4, "ward") for fold in ("train", "val", "test") for label in range(3)]
    assert checks(even)["patients behind most cases of a fold"].success
