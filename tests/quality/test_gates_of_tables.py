"""Poisoned tables of ingest, split, labels and similarity: the gate fails where it should and names the row."""

import numpy as np
import pytest
from poison import add_column, change, change_array, edit_json, refuse, require_named, resave, set_parameter, take


def patient(number: int) -> str:
    """Pseudonym of a patient of the small workspace."""
    return f"{10_000 + number:016x}"


POISONS = [
    ("ingest", "image ids are unique", "line 2", lambda w: change(w.images, image_id={0: f"{1:016x}"})),
    (
        "ingest",
        "none that could identify",
        "column patient_name",
        lambda w: add_column(w.images, "patient_name", "DOE"),
    ),
    ("ingest", "patient_id is a pseudonym", "line 7: ????????", lambda w: change(w.images, patient_id={5: "JOHN DOE"})),
    ("ingest", "view is", "line 4: another value", lambda w: change(w.images, view={2: "JOHN"})),
    ("ingest", "modality is", "line 4: another value", lambda w: change(w.images, modality={2: "photo"})),
    ("ingest", "sex is", "line 3: another value", lambda w: change(w.images, sex={1: "DOE"})),
    ("ingest", "age is", "line 2: 131", lambda w: change(w.images, age={0: 131})),
    ("ingest", "of the rows are refused", "line 501: truncated", lambda w: refuse(w.rejected, 3)),
    ("ingest", "every row has its pixels", "line 5: -1", lambda w: change(w.images, pixel_row={3: None})),
    ("ingest", "every row has its pixels", "line 5: 120", lambda w: change(w.images, pixel_row={3: 120})),
    ("ingest", "no two rows share", "line 9: 8", lambda w: change(w.images, pixel_row={7: 8})),
    ("ingest", "as many images as rows", "pixels.npy: 119", lambda w: resave(w.pixels, lambda pixels: pixels[:-1])),
    ("ingest", "px square", "pixels.npy: 16x8", lambda w: resave(w.pixels, lambda pixels: pixels[..., :8])),
    ("ingest", "8 bits", "pixels.npy: uint16", lambda w: resave(w.pixels, lambda pixels: pixels.astype(np.uint16))),
    ("ingest", "of one gray", "line 12", lambda w: change_array(w.pixels, slice(10, 13), 0)),
    ("ingest", "SHA-256", "line 2: hhhh", lambda w: change(w.images, sha256={0: "beef"})),
    (
        "split",
        "no patient is in two folds",
        f"patient {patient(0)}: 2",
        lambda w: change(w.split, fold={0: "test"}),
    ),
    ("split", "placed exactly once", f"image {3:016x}: 0", lambda w: take(w.split, [n for n in range(120) if n != 3])),
    ("split", "placed exactly once", f"image {3:016x}: 2", lambda w: take(w.split, [*range(120), 3])),
    (
        "split",
        "every placed image was ingested",
        f"image {3:016x}",
        lambda w: take(w.images, [n for n in range(120) if n != 3]),
    ),
    (
        "split",
        "the patient is the one ingest gave",
        f"image {3:016x}",
        lambda w: change(w.split, patient_id={3: patient(1)}),
    ),
    ("split", "train, val or test", f"image {3:016x}: dev", lambda w: change(w.split, fold={3: "dev"})),
    (
        "split",
        "every wanted fold",
        "val (0 patients",
        lambda w: change(w.split, fold=dict.fromkeys(range(72, 96), "train")),
    ),
    (
        "split",
        "each fold's share",
        "test (6 patients, 20.0%)",
        lambda w: set_parameter(w, "strategy: official", "strategy: hash, test_share: 0.5"),
    ),
    ("labels", "is a class of params.yaml", "Mass", lambda w: set_parameter(w, "[Effusion, Mass]", "[Effusion]")),
    ("labels", "labels of the vocabulary", "set 1", lambda w: change(w.label_sets, labels={1: [9]})),
    ("labels", "no set occurs twice", "set 2: 1", lambda w: change(w.label_sets, labels={2: [1]})),
    ("labels", "are sorted", "set 3", lambda w: change(w.label_sets, labels={3: [1, 0]})),
    ("labels", "never occurs with a finding", "set 3", lambda w: change(w.label_sets, labels={3: [0, 2]})),
    ("labels", "number of bags is right", "set 0", lambda w: change(w.label_sets, n_bags={0: 7})),
    ("labels", "known one", f"bag {4:016x}: 9", lambda w: change(w.labels, set_id={4: 9})),
    ("labels", "every bag has one label set", f"bag {4:016x}", lambda w: take(w.labels, [*range(120), 4])),
    (
        "labels",
        "every label has at least 1 test patients (quality.min_patients_per_label_and_fold; to fix it, split by",
        "No Finding: 0",
        lambda w: change(w.labels, set_id=dict.fromkeys(range(98, 120, 4), 0)),
    ),
    (
        "labels",
        "vocabulary's counts",
        "Mass in test",
        lambda w: edit_json(w.vocabulary, lambda document: document["n_bags"]["Mass"].update(test=1)),
    ),
    ("labels", "have no label", "all folds: 0.75", lambda w: change(w.label_sets, labels={0: [], 1: [], 3: []})),
    ("similarity", "every ordered pair", "set 1: 1", lambda w: take(w.similarity, [n for n in range(16) if n != 4])),
    ("similarity", "every ordered pair", "set 1: 1", lambda w: take(w.similarity, [*range(16), 4])),
    ("similarity", "symmetric", "set 3: 1", lambda w: change(w.similarity, level={3: 2})),
    ("similarity", "only where the sets are disjoint", "set 0: 1", lambda w: change(w.similarity, level={3: 0})),
    ("similarity", "level with itself", "set 2: 1", lambda w: change(w.similarity, level={10: 2})),
    ("similarity", "Jaccard", "set 0: 1", lambda w: change(w.similarity, jaccard={0: 1.5})),
    ("similarity", "only known sets", "all rows: 1", lambda w: change(w.similarity, set_a={0: 77})),
]


@pytest.mark.parametrize(
    ("stage", "words", "row", "poison"), POISONS, ids=[f"{stage}-{words}-{row}" for stage, words, row, _ in POISONS]
)
def test_a_poisoned_table_fails_and_names_the_row(workspace, stage, words, row, poison):
    require_named(workspace, stage, words, row, poison)
