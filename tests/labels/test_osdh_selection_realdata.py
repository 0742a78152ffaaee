"""The data set of Order-Sensitive Deep Hashing, drawn from the whole table of ChestX-ray14."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from components.labels.label_sets import label_images
from components.similarity.similarity import compare_sets
from components.split.split import split_patients
from medhash.core.contracts import IMAGES, read_table
from medhash.core.params import LabelParams, SplitParams
from medhash.core.params.ingest import NIH_FINDINGS
from medhash.core.workspace import Workspace
from medhash.retrieval.code_table import PlacedCodes
from medhash.retrieval.evaluation.ranked import rank_by_hamming

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("MEDHASH_REAL_DATA", ROOT / ".." / "shared" / "data"))
COUNTS = DATA / ".." / "tables" / "nih_13000_balanced_candidate_counts.csv"
SETTINGS = LabelParams(
    classes=[name for name in NIH_FINDINGS if name != "Hernia"], no_finding="exclude", images_per_class=1000
)
EXPECTED = {
    "patients": (5_976, 37),
    "test share": (0.201, 0.0086),
    "NDCG@100": (0.1405, 0.0015),
    "ACG@100": (0.3587, 0.0040),
}
"""Mean and standard deviation over random draws and patient splits (300 for the patients, 60 for the others), by
numpy's generator and closed forms of chance from the published table, without this code."""

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(
        not (DATA / "nih" / "Data_Entry_2017_v2020.csv.gz").exists() or not COUNTS.exists(),
        reason=f"no NIH table in {DATA}: set MEDHASH_REAL_DATA",
    ),
]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Contract IMAGES of all 112,120 rows."""
    root = tmp_path_factory.mktemp("nih")
    (root / "params.yaml").write_text("methods: [lsh]\n")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "components.ingest",
            "--root",
            str(root),
            "--metadata-only",
            "--archive",
            str((DATA / "nih").absolute()),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env=os.environ | {"MEDHASH_PSEUDONYM_KEY": "5e" * 32},
    )
    return read_table(Workspace(root).images, IMAGES)


@pytest.fixture(scope="module", params=range(5))
def drawn(request, images):
    """Split, labels, label sets and vocabulary of a seed."""
    split = split_patients(images, SplitParams(strategy="hash", test_share=0.2, val_share=0.0), request.param)
    return split, *label_images(images, split, SETTINGS, request.param)


def test_13_classes_of_1000_images_have_the_class_counts_of_the_published_size(drawn):
    _, labels, _, vocabulary = drawn
    assert labels.num_rows == 13_000
    with COUNTS.open() as handle:
        counted = {row["label"]: int(row["images_in_1000_per_class_selection"]) for row in csv.DictReader(handle)}
    ours = {label: sum(by_fold.values()) for label, by_fold in vocabulary.n_bags.items()}
    assert ours.keys() == counted.keys()
    for label, n_images in counted.items():  # the table is one draw itself, what it adds to 1,000 random
        assert ours[label] == pytest.approx(n_images, abs=4 * np.sqrt(2 * (n_images - 1000))), label


def test_the_selection_has_the_patients_the_test_share_and_the_chance_line_of_such_draws(drawn):
    split, labels, label_sets, _ = drawn
    patient_of = dict(zip(split["image_id"].to_pylist(), split["patient_id"].to_pylist(), strict=True))
    patients = np.array([patient_of[image_id] for image_id in labels["bag_id"].to_pylist()])
    folds = labels["fold"].to_numpy()
    assert set(folds) == {"train", "test"}
    assert not set(patients[folds == "test"]) & set(patients[folds == "train"])

    levels = compare_sets(label_sets)["level"].to_numpy().reshape(label_sets.num_rows, label_sets.num_rows)
    codes = np.random.default_rng(0).integers(0, 256, (13_000, 4), np.uint8)
    placed = PlacedCodes(labels["bag_id"].to_numpy(), patients, folds, labels["set_id"].to_numpy(), codes)
    ranked = rank_by_hamming(placed.of_folds("test"), placed.of_folds("train"), levels, threads=1)
    chance, random = ranked.chance_figures(), ranked.figures()
    found = {
        "patients": len(set(patients)),
        "test share": np.mean(folds == "test"),
        "NDCG@100": chance.ndcg_at_100,
        "ACG@100": chance.acg_at_100,
    }
    for name, (mean, deviation) in EXPECTED.items():
        assert found[name] == pytest.approx(mean, abs=4 * deviation), name
    assert random.ndcg_at_100 == pytest.approx(chance.ndcg_at_100, abs=0.005)
    assert random.acg_at_100 == pytest.approx(chance.acg_at_100, abs=0.01)
