"""The labels of a bag of images, by each of the three rules, worked out by hand."""

import numpy as np
import pyarrow as pa
import pytest
from label_tables import label_tables

from components.labels.label_sets import label_images
from medhash.core.errors import MedhashError
from medhash.core.params import LabelParams

CLASSES = ["malignant", "benign", "normal"]
FINDINGS = ["normal", "malignant", "benign", "benign", "normal", "normal", "benign|normal"]
BAGS = ["a", "a", "a", "b", "c", "c", "d"]


def bag_tables(findings=FINDINGS, bags=BAGS, patients=None, folds=None):
    """Images 0, 1, 2 … in bags named by letters; a bag is a patient unless patients are given."""
    images, split = label_tables(findings, folds or ["train"] * len(findings))
    for name, values in (("bag_id", bags), ("patient_id", patients or bags)):
        images = images.set_column(images.schema.get_field_index(name), name, pa.array(values))
    return images, split.set_column(1, "patient_id", pa.array(patients or bags))


def named(rule, findings=FINDINGS, bags=BAGS, **settings):
    labels, label_sets, vocabulary = label_images(
        *bag_tables(findings, bags), LabelParams(classes=settings.pop("classes", CLASSES), bag=rule, **settings), seed=7
    )
    sets = label_sets["labels"].to_pylist()
    assert sum(label_sets["n_bags"].to_pylist()) == labels.num_rows
    return {
        bag: {vocabulary.labels[index] for index in sets[set_id]}
        for bag, set_id in zip(labels["bag_id"].to_pylist(), labels["set_id"].to_pylist(), strict=True)
    }


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("worst", {"a": {"malignant"}, "b": {"benign"}, "c": {"normal"}, "d": {"benign", "normal"}}),
        (
            "union",
            {"a": {"malignant", "benign", "normal"}, "b": {"benign"}, "c": {"normal"}, "d": {"benign", "normal"}},
        ),
        ("agree", {"b": {"benign"}, "c": {"normal"}, "d": {"benign", "normal"}}),
    ],
)
def test_a_bag_has_its_worst_images_labels_all_its_images_labels_or_must_agree(rule, expected):
    assert named(rule) == expected


def test_the_order_of_the_classes_says_what_is_worst():
    assert named("worst", classes=["normal", "benign", "malignant"])["a"] == {"normal"}


def test_no_finding_gives_way_to_a_finding_of_another_image():
    findings, bags = ["No Finding", "Mass", "No Finding", "", "Edema", "Mass"], ["a", "a", "b", "c", "d", "d"]
    classes = ["Mass", "Edema"]
    assert named("worst", findings, bags, classes=classes) == {
        "a": {"Mass"},
        "b": {"No Finding"},
        "c": set(),
        "d": {"Mass"},
    }
    assert named("union", findings, bags, classes=classes) == {
        "a": {"Mass"},
        "b": {"No Finding"},
        "c": set(),
        "d": {"Edema", "Mass"},
    }
    # Left out are the bags all of whose images are without a finding, not the finding that stands beside one.
    assert named("worst", findings, bags, classes=classes, no_finding="exclude").keys() == {"a", "c", "d"}


@pytest.mark.parametrize("rule", ["worst", "union", "agree"])
def test_a_bag_of_one_has_the_labels_of_its_image(rule):
    alone = [str(number) for number in range(len(FINDINGS))]
    assert named(rule, bags=alone) == {name: set(text.split("|")) for name, text in zip(alone, FINDINGS, strict=True)}


def test_bags_are_counted_once_however_many_images_they_hold():
    _, _, vocabulary = label_images(*bag_tables(folds=["test"] * 3 + ["train"] * 4), LabelParams(classes=CLASSES), 7)
    assert vocabulary.n_bags == {
        "malignant": {"train": 0, "val": 0, "test": 1},
        "benign": {"train": 2, "val": 0, "test": 0},
        "normal": {"train": 2, "val": 0, "test": 0},
    }


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"patients": ["a", "x", *BAGS[2:]]}, "two patients"),
        ({"folds": ["train", "test", *["train"] * 5]}, "two folds"),
    ],
)
def test_a_bag_that_a_table_tears_apart_is_refused(changed, what):
    with pytest.raises(MedhashError, match=f"bag a has images of {what}"):
        label_images(*bag_tables(**changed), LabelParams(classes=CLASSES), 7)


def test_random_bags_follow_the_rules_of_plain_loops():
    random = np.random.default_rng(3)
    findings = ["|".join(random.permutation(CLASSES)[: random.integers(0, 4)]) for _ in range(300)]
    bags = [f"{number:03d}" for number in random.integers(0, 90, 300)]
    expected: dict[str, dict[str, set[str]]] = {"worst": {}, "union": {}, "agree": {}}
    for bag in sorted(set(bags)):
        members = [set(text.split("|")) - {""} for text, name in zip(findings, bags, strict=True) if name == bag]
        worst = next((label for label in CLASSES if any(label in found for found in members)), None)
        chosen = [
            found
            for found in members
            if worst in found and all(CLASSES.index(label) >= CLASSES.index(worst) for label in found)
        ]
        expected["worst"][bag] = set().union(*chosen)
        expected["union"][bag] = set().union(*members)
        if all(found == members[0] for found in members):
            expected["agree"][bag] = members[0]
    for rule, wanted in expected.items():
        assert named(rule, findings, bags) == wanted
