"""Drawing n images of every class: what is drawn, how evenly, and what the user hears when a class has too few."""

import numpy as np
import pyarrow as pa
import pytest
from builders import small_workspace
from label_tables import label_tables

from components.labels.__main__ import main
from components.labels.label_sets import draw_per_class, label_images
from medhash.core.contracts import LABELS, SPLIT, read_table, write_table
from medhash.core.documents import Vocabulary
from medhash.core.errors import MedhashError
from medhash.core.params import LabelParams

FINDINGS = ["Edema|Mass"] * 6 + ["Mass"] * 30 + ["Edema"] * 6 + ["No Finding"] * 40 + ["Hernia"] * 5 + [""] * 3
CLASSES = ["Mass", "Edema", "Hernia"]


def drawn(seed=7, findings=FINDINGS, **settings):
    """Image number → label set by name, and the tables they were read from."""
    folds = [("train", "train", "val", "test")[number % 4] for number in range(len(findings))]
    labels, label_sets, vocabulary = label_images(*label_tables(findings, folds), LabelParams(**settings), seed)
    sets = label_sets["labels"].to_pylist()
    return {
        int(image_id, 16): {vocabulary.labels[index] for index in sets[set_id]}
        for image_id, set_id in zip(labels["bag_id"].to_pylist(), labels["set_id"].to_pylist(), strict=True)
    }, vocabulary


@pytest.mark.parametrize(
    ("no_finding", "classes"), [("exclude", CLASSES), ("empty", CLASSES), ("label", [*CLASSES, "No Finding"])]
)
def test_n_images_of_every_label_of_the_vocabulary_are_drawn_and_keep_their_other_labels(no_finding, classes):
    images, vocabulary = drawn(classes=CLASSES, no_finding=no_finding, images_per_class=5)
    assert len(images) == 5 * len(classes)
    assert vocabulary.labels == classes
    assert images == {number: set(FINDINGS[number].split("|")) for number in images}
    assert all(sum(name in labels for labels in images.values()) >= 5 for name in classes)
    assert sum(images[number] == {"Hernia"} for number in images) == 5
    assert vocabulary.n_bags["Mass"] == {
        fold: sum("Mass" in labels for number, labels in images.items() if number % 4 in places)
        for fold, places in (("train", (0, 1)), ("val", (2,)), ("test", (3,)))
    }
    assert sum(vocabulary.n_unlabelled.values()) == 0


def test_the_rarest_class_draws_first_and_takes_from_the_others():
    membership = np.zeros((12, 2), bool)
    membership[:10, 0] = True
    membership[:3, 1] = True  # the rare class lies within the frequent one
    chosen = draw_per_class(membership, ["common", "rare"], np.arange(12).astype(str), 3, seed=0)
    assert chosen[:3].all()
    assert chosen.sum() == 6
    assert not chosen[10:].any()


def test_the_draw_depends_on_the_seed_and_on_no_order():
    settings = {"classes": CLASSES, "images_per_class": 4, "no_finding": "exclude"}
    assert drawn(1, **settings)[0] == drawn(1, **settings)[0] != drawn(2, **settings)[0]
    folds = ["train"] * len(FINDINGS)
    images, split = label_tables(FINDINGS, folds)
    turned = np.random.default_rng(0).permutation(len(FINDINGS))
    straight, other = (
        label_images(images.take(order), split.take(order[::-1]), LabelParams(**settings), 1)
        for order in (np.arange(len(FINDINGS)), turned)
    )
    assert straight[0].equals(other[0])
    assert straight[1].equals(other[1])


def test_every_image_of_a_class_is_as_likely_whatever_other_classes_passed_over_it():
    """Two classes of the same 40 images: the second draws evenly among those that the first left."""
    n, times = 40, np.zeros((2, 40))
    membership = np.ones((n, 2), bool)
    membership = np.concatenate([membership, [[False, True]] * 20])
    ids = np.array([f"{number:016x}" for number in range(60)])
    for seed in range(1500):
        chosen = draw_per_class(membership, ["first", "second"], ids, 10, seed)
        times[0] += chosen[:n]
        times[1, :20] += chosen[n:]
    # of 40 images 10 for the first; the second draws 10 of the 30 left and the 20 of its own
    np.testing.assert_allclose(times[1, :20] / 1500, 10 / 50, atol=0.04)
    np.testing.assert_allclose(times[0] / 1500, 10 / 40 + 30 / 40 * 10 / 50, atol=0.05)


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        (
            FINDINGS,
            ["6 bags of Hernia", "has 5 bags", "left 5", "labels.images_per_class", "labels.no_finding: exclude"],
        ),
        (["Edema|Mass"] * 8 + ["Hernia"] * 6 + ["Mass"], ["6 bags of Mass", "has 9 bags", "left 3"]),
    ],
)
def test_a_class_with_too_few_images_is_an_error_that_names_it(findings, words):
    with pytest.raises(MedhashError) as caught:
        drawn(findings=findings, classes=CLASSES, images_per_class=6)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_command_draws_by_the_seed_of_params_and_names_what_no_training_image_shows(tmp_path, capsys):
    workspace = small_workspace(tmp_path, size_px=16)
    contents = []
    for seed in (1, 2, 1):
        (tmp_path / "params.yaml").write_text(
            f"methods: [lsh]\nseed: {seed}\nlabels: {{classes: [Effusion, Mass], "
            "no_finding: exclude, images_per_class: 20}\n"
        )
        assert main(["--root", str(tmp_path)]) == 0
        contents.append(read_table(workspace.labels, LABELS)["bag_id"].to_pylist())
    assert contents[0] == contents[2] != contents[1]
    assert len(contents[0]) == 40
    out = capsys.readouterr().out
    assert "40 images" in out
    assert "no training image" not in out


def test_the_command_says_so_when_no_training_image_carries_a_class(tmp_path, capsys):
    workspace = small_workspace(tmp_path, size_px=16)
    split = read_table(workspace.split, SPLIT)
    write_table(workspace.split, split.set_column(2, "fold", pa.array(["test", "val", "train", "test"] * 30)), SPLIT)
    (tmp_path / "params.yaml").write_text("methods: [lsh]\nlabels: {classes: [Effusion, Mass]}\n")
    assert main(["--root", str(tmp_path)]) == 0
    assert Vocabulary.read(workspace.vocabulary).n_bags["Mass"]["train"] == 0
    assert "no training image carries Effusion, Mass" in capsys.readouterr().out
