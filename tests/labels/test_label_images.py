"""Label sets: canonical, over the vocabulary that params.yaml asks for."""

import pyarrow as pa
import pytest
from builders import small_workspace
from label_tables import label_tables

from components.labels.__main__ import main
from components.labels.label_sets import label_images
from medhash.core.contracts import LABEL_SETS, LABELS, read_table
from medhash.core.documents import Vocabulary
from medhash.core.errors import MedhashError
from medhash.core.params import LabelParams

FINDINGS = ["Mass|Edema", "Edema|Mass", "No Finding", "Edema", "Hernia", "Edema|Hernia"]
FOLDS = ["train", "test", "train", "val", "train", "train"]


def tables(findings: list[str] = FINDINGS, folds: list[str] = FOLDS) -> tuple[pa.Table, pa.Table]:
    return label_tables(findings, folds)


def named_sets(settings: LabelParams, **changed: list[str]) -> list[set[str]]:
    """The label set of every image that is left, by name, through the tables that the stage writes."""
    labels, label_sets, vocabulary = label_images(*tables(**changed), settings, seed=7)
    assert labels.schema.equals(LABELS)
    assert label_sets.schema.equals(LABEL_SETS)
    sets = label_sets["labels"].to_pylist()
    return [{vocabulary.labels[index] for index in sets[set_id]} for set_id in labels["set_id"].to_pylist()]


@pytest.mark.parametrize(
    ("classes", "no_finding", "expected"),
    [
        (
            ["Edema", "Mass", "Hernia"],
            "label",
            [{"Edema", "Mass"}, {"Edema", "Mass"}, {"No Finding"}, {"Edema"}, {"Hernia"}, {"Edema", "Hernia"}],
        ),
        (
            ["Edema", "Mass", "Hernia"],
            "empty",
            [{"Edema", "Mass"}, {"Edema", "Mass"}, set(), {"Edema"}, {"Hernia"}, {"Edema", "Hernia"}],
        ),
        (
            ["Edema", "Mass", "Hernia"],
            "exclude",
            [{"Edema", "Mass"}, {"Edema", "Mass"}, {"Edema"}, {"Hernia"}, {"Edema", "Hernia"}],
        ),
        (["Edema"], "label", [{"Edema"}, {"Edema"}, {"No Finding"}, {"Edema"}, set(), {"Edema"}]),
    ],
)
def test_classes_and_no_finding_decide_what_an_image_is_labelled_with(classes, no_finding, expected):
    assert named_sets(LabelParams(classes=classes, no_finding=no_finding)) == expected


@pytest.mark.parametrize(
    ("no_finding", "expected"),
    [
        ("label", [{"Edema"}, {"Edema"}, {"No Finding"}, {"Edema"}, {"Edema"}]),
        ("empty", [{"Edema"}] * 4),
        ("exclude", [{"Edema"}] * 4),
    ],
)
def test_images_without_a_label_of_the_vocabulary_can_be_left_out(no_finding, expected):
    settings = LabelParams(classes=["Edema"], no_finding=no_finding, unlabelled="exclude")
    assert named_sets(settings) == expected
    labels, _, vocabulary = label_images(*tables(), settings, seed=7)
    assert labels["bag_id"].to_pylist() == [
        f"{number:016x}" for number in ([0, 1, 2, 3, 5] if no_finding == "label" else [0, 1, 3, 5])
    ]
    assert set(vocabulary.n_unlabelled.values()) == {0}


def test_set_ids_follow_size_and_then_the_order_of_the_vocabulary():
    labels, label_sets, _ = label_images(*tables(), LabelParams(classes=["Hernia", "Edema", "Mass"]), seed=7)
    assert label_sets["labels"].to_pylist() == [[0], [1], [3], [0, 1], [1, 2]]
    assert label_sets["n_bags"].to_pylist() == [1, 1, 1, 1, 2]
    assert labels["set_id"].to_pylist() == [4, 4, 2, 1, 0, 3]


def test_the_vocabulary_counts_images_per_label_and_fold():
    _, _, vocabulary = label_images(*tables(), LabelParams(classes=["Edema", "Mass"], no_finding="empty"), seed=7)
    assert vocabulary == Vocabulary(
        attribute="finding",
        labels=["Edema", "Mass"],
        n_bags={"Edema": {"train": 2, "val": 1, "test": 1}, "Mass": {"train": 1, "val": 0, "test": 1}},
        n_unlabelled={"train": 2, "val": 0, "test": 0},
    )


def test_another_attribute_has_its_own_labels():
    assert named_sets(LabelParams(attribute="modality", classes=["xray"])) == [{"xray"}] * 6


def test_more_labels_than_a_machine_word_has_bits_keep_their_sets_apart():
    names = [f"label {number:03}" for number in range(150)]
    findings = [f"{names[number]}|{names[(number + 75) % 150]}" for number in range(150)]
    found = named_sets(LabelParams(classes=names), findings=findings, folds=["train"] * 150)
    assert found == [set(text.split("|")) for text in findings]


def test_the_order_of_the_images_does_not_matter():
    images, split = tables()
    settings = LabelParams(classes=["Edema", "Mass"])
    straight = label_images(images, split, settings, seed=7)
    turned = label_images(images.take([5, 2, 0, 1, 4, 3]), split, settings, seed=7)
    assert straight[0].equals(turned[0])
    assert straight[1].equals(turned[1])
    assert straight[2] == turned[2]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (LabelParams(classes=["Edema", "hernias"]), ["'hernias'", "did you mean Hernia?"]),
        (LabelParams(classes=["Xyzzy"]), ["'Xyzzy'", "it holds Edema, Hernia, Mass, No Finding"]),
        (LabelParams(attribute="mesh", classes=["a"]), ["'mesh'", "finding, modality"]),
        (LabelParams(classes=["Edema", "Edema"]), ["Edema", "twice"]),
        (LabelParams(classes=["Edema", "No Finding"]), ["No Finding", "labels.no_finding"]),
    ],
)
def test_a_class_the_archive_does_not_have_is_an_error_that_names_it(settings, named):
    with pytest.raises(MedhashError) as caught:
        label_images(*tables(), settings, seed=7)
    assert all(words in str(caught.value) for words in named), str(caught.value)


def test_a_split_of_other_images_is_an_error():
    images, split = tables()
    with pytest.raises(MedhashError, match="run the stage split again"):
        label_images(images.slice(1), split, LabelParams(classes=["Edema"]), seed=7)


def test_leaving_every_image_out_is_an_error():
    with pytest.raises(MedhashError, match="leaves no bag"):
        named_sets(LabelParams(classes=["Edema"], no_finding="exclude"), findings=["No Finding|Edema"], folds=["train"])
    with pytest.raises(MedhashError, match=r"exclude and labels\.bag: worst leaves no bag"):
        named_sets(
            LabelParams(classes=["Edema"], no_finding="exclude", unlabelled="exclude"),
            findings=["No Finding|Edema", "Mass"],
            folds=["train", "val"],
        )


def test_the_command_writes_all_three_files_again_with_the_same_bytes(tmp_path, capsys):
    workspace = small_workspace(tmp_path, size_px=16)
    (tmp_path / "params.yaml").write_text("methods: [lsh]\nlabels: {classes: [Effusion, Mass]}\n")
    before = [read_table(workspace.labels, LABELS), read_table(workspace.label_sets, LABEL_SETS)]
    vocabulary = Vocabulary.read(workspace.vocabulary)
    paths = [workspace.labels, workspace.label_sets, workspace.vocabulary]
    assert main(["--root", str(tmp_path)]) == 0
    first = [path.read_bytes() for path in paths]
    assert main(["--root", str(tmp_path)]) == 0
    assert [path.read_bytes() for path in paths] == first
    assert [read_table(workspace.labels, LABELS), read_table(workspace.label_sets, LABEL_SETS)] == before
    assert Vocabulary.read(workspace.vocabulary) == vocabulary
    assert "4 label sets, 3 labels" in capsys.readouterr().out
