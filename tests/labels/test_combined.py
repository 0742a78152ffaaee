"""Labels that combine attributes: what an image is called, what each attribute says, and what cannot be combined."""

import pytest
from structured_archive import structured_images, structured_workspace

from components.labels.__main__ import main
from components.labels.combined import combined_labels, incomplete_cases
from components.labels.label_sets import label_images
from components.split.split import split_patients
from medhash.core.attributes import combinations, parts, values_of
from medhash.core.contracts import IMAGES as IMAGES_CONTRACT
from medhash.core.contracts import INCOMPLETE, read_table
from medhash.core.errors import MedhashError
from medhash.core.params import LabelParams, SplitParams

SETTINGS = LabelParams(attribute="combination", classes=[], bag="union")
IMAGES = [
    ("xray", "chest", ("edema", "mass")),
    ("mr", "breast", ()),
    ("ct", "chest", ("edema",)),
    ("mr", "brain", ("glioma",)),
    ("ct", "unknown", ()),
]


def labelled(values=IMAGES, settings=SETTINGS):
    images = structured_images(values)
    split = split_patients(images, SplitParams(strategy="stratified", test_share=0.4, val_share=0.0), seed=1)
    return label_images(images, split, settings, seed=1)


def names(values=IMAGES, settings=SETTINGS) -> list[set[str]]:
    labels, label_sets, vocabulary = labelled(values, settings)
    sets = label_sets["labels"].to_pylist()
    return [{vocabulary.labels[label] for label in sets[set_id]} for set_id in labels["set_id"].to_pylist()]


def test_an_image_is_called_by_a_value_of_each_attribute_and_a_dash_where_it_knows_none():
    assert names() == [
        {"xray · chest · edema", "xray · chest · mass"},
        {"mr · breast · –"},
        {"ct · chest · edema"},
        {"mr · brain · glioma"},
        {"ct · – · –"},
    ]


def test_a_modality_may_be_unknown_as_an_organ_may():
    assert names([*IMAGES, ("unknown", "brain", ("glioma",))])[-1] == {"– · brain · glioma"}


def test_combining_and_taking_apart_are_inverse():
    assert combinations([("mr",), (), ("a", "b")]) == ["mr · – · a", "mr · – · b"]
    assert parts("mr · – · a") == ["mr", None, "a"]
    assert combinations([(), (), ()]) == []


def test_the_vocabulary_says_what_each_combination_has_of_each_attribute():
    _, _, vocabulary = labelled()
    modality, organ, pathology = vocabulary.attributes
    assert [attribute.name for attribute in vocabulary.attributes] == ["modality", "organ", "pathology"]
    assert organ.values == ["brain", "breast", "chest"]
    said = {
        label: (modality.of_label[place], organ.of_label[place], pathology.of_label[place])
        for place, label in enumerate(vocabulary.labels)
    }
    assert said["mr · breast · –"] == (modality.values.index("mr"), organ.values.index("breast"), None)
    assert said["ct · – · –"] == (modality.values.index("ct"), None, None)


def test_cases_that_do_not_know_an_attribute_are_listed_by_case_and_attribute():
    labels, label_sets, vocabulary = labelled()
    table = incomplete_cases(labels, label_sets, vocabulary)
    assert table.schema.equals(INCOMPLETE)
    assert {(row["bag_id"][-1], row["attribute"]) for row in table.to_pylist()} == {
        ("1", "pathology"),
        ("4", "organ"),
        ("4", "pathology"),
    }


def test_labels_that_combine_nothing_have_no_attributes_and_no_incomplete_cases():
    images = structured_images(IMAGES)
    split = split_patients(images, SplitParams(strategy="stratified", test_share=0.4, val_share=0.0), seed=1)
    labels, label_sets, vocabulary = label_images(images, split, LabelParams(attribute="pathology", classes=[]), seed=1)
    assert vocabulary.attributes == []
    assert vocabulary.labels == ["edema", "glioma", "mass"]  # no classes named: all that occur
    assert not incomplete_cases(labels, label_sets, vocabulary).num_rows


def test_at_most_so_many_of_each_class_are_kept_and_rare_classes_whole():
    values = [
        *[("xray", "chest", ("edema",))] * 9,
        *[("ct", "chest", ("edema",))] * 2,
        *[("mr", "brain", ("glioma",))] * 5,
    ]
    kept = names(values, SETTINGS.model_copy(update={"max_per_class": 3}))
    assert (
        sorted(next(iter(one)) for one in kept)
        == ["ct · chest · edema"] * 2 + ["mr · brain · glioma"] * 3 + ["xray · chest · edema"] * 3
    )


@pytest.mark.parametrize(
    ("values", "structure", "told"),
    [
        (
            [("xray", "chest", ("edema",)), ("ct", "chest", ("mass",))],
            ["modality", "organ"],
            r"same one, 'chest'.*\n.*take organ out",
        ),
        (IMAGES, ["modality", "laterality"], r"'laterality' is known of no image\n.*modality, organ, pathology"),
        (IMAGES, ["organ", "organ"], "organ is listed twice"),
        (
            [("xray", "chest", ("edema",)), ("mr", "brain", ("edema",)), ("mr", "brain", ("edema",))],
            ["modality", "organ", "pathology"],
            r"same one, 'edema'",
        ),
    ],
)
def test_an_attribute_that_tells_nothing_apart_is_refused(values, structure, told):
    with pytest.raises(MedhashError, match=told):
        combined_labels(structured_images(values), SETTINGS.model_copy(update={"structure": structure}))


TORN = [
    ("xray", "chest", ("malignant",)),
    ("mr", "breast", ("malignant",)),
    ("ct", "breast", ("malignant",)),
    ("mr", "brain", ("glioma",)),
]


def test_a_pathology_under_two_organs_is_refused_with_its_organs_and_counts():
    with pytest.raises(MedhashError, match=r"'malignant' under breast \(2 images\) and chest \(1 images\)\n.*shared_v"):
        labelled(TORN)


def test_a_pathology_may_be_named_as_one_that_means_the_same_in_every_organ():
    assert {"mr · breast · malignant"} in names(TORN, SETTINGS.model_copy(update={"shared_values": ["malignant"]}))


def test_no_finding_is_a_value_like_any_other_and_cannot_be_left_out():
    with pytest.raises(MedhashError, match=r"no_finding: exclude.*\n.*label"):
        labelled(settings=SETTINGS.model_copy(update={"no_finding": "exclude"}))


def test_the_stage_writes_the_incomplete_cases_and_says_how_many(tmp_path, capsys):
    workspace = structured_workspace(tmp_path, n_each=4, unknown=5)
    (tmp_path / "params.yaml").write_text(
        "methods: [modhash]\nlabels: {attribute: combination, classes: [], bag: union}\n"
    )
    assert main(["--root", str(tmp_path)]) == 0
    n_unknown = sum(not values for values in values_of(read_table(workspace.images, IMAGES_CONTRACT), "pathology"))
    assert f"pathology is not known of {n_unknown} images (listed in incomplete.parquet)" in capsys.readouterr().out
    assert read_table(workspace.incomplete, INCOMPLETE).num_rows == n_unknown
