"""The bundled slides: drawn again as they were committed, small, and with a class that few tiles show."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from medhash.archives.readers.breakhis import read_entries
from medhash.core.params import IngestParams
from medhash.core.params.ingest import BagParams

SAMPLE = Path(__file__).parents[3] / "data" / "sample" / "histology"


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("make_histology", SAMPLE.parent / "make_histology.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_histology"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["make_histology"]


def test_the_program_draws_the_committed_tiles(program):
    tiles = list(program.tiles())
    assert {tile.path for tile in tiles} == {path.relative_to(SAMPLE).as_posix() for path in SAMPLE.rglob("*.png")}
    for tile in tiles[::23]:
        committed = cv2.imread(str(SAMPLE / tile.path), cv2.IMREAD_UNCHANGED)
        assert (committed.shape, committed.dtype) == ((96, 96, 3), np.uint8)
        assert np.mean(program.draw(tile) != committed) < 0.001, "another processor may round another way"


def test_one_or_two_tiles_of_a_malignant_slide_show_it_and_most_of_a_benign_one(program):
    shown: dict[str, list[str]] = {}
    for tile in program.tiles():
        shown.setdefault(tile.path.rpartition("/")[0], []).append(tile.shows)
    for slide, tiles in shown.items():
        assert 4 <= len(tiles) <= 8
        malignant = sum(tile in ("DC", "LC") for tile in tiles)
        assert malignant in ((1, 2) if "/malignant/" in slide else (0,)), slide
        assert malignant < len(tiles) / 2
    benign = Counter(tile for slide, tiles in shown.items() if "/benign/" in slide for tile in tiles)
    assert benign["stroma"] < 0.35 * benign.total()


def test_the_sample_is_small_and_names_nobody():
    entries = read_entries(SAMPLE, IngestParams(bags=BagParams(by="slide")))
    rows = entries.rows
    assert (len(rows), rows["patient"].nunique(), rows["bag"].nunique(), entries.rejections) == (355, 60, 62, [])
    assert rows["patient"].str.startswith("00-").all()
    classes = rows.groupby("bag")["labels"].unique()
    assert Counter(map(tuple, classes)) == {("benign",): 31, ("malignant",): 31}
    assert (rows.groupby("bag")["labels:subtype"].nunique() == 2).sum() == 1
    assert (rows.groupby("patient")["bag"].nunique() == 2).sum() == 2
    assert (rows.groupby("patient")["labels"].nunique() == 2).sum() == 1
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 2_500_000


def test_stain_differs_by_patient_more_than_within_one(program):
    means: dict[int, list[np.ndarray]] = {}
    for tile in list(program.tiles())[:60]:
        if tile.shows in ("stroma", "F", "TA"):
            means.setdefault(tile.patient, []).append(np.median(program.draw(tile).reshape(-1, 3), axis=0))
    several = [np.stack(found) for found in means.values() if len(found) > 2]
    within = np.mean([found.std(axis=0) for found in several], axis=0)
    between = np.stack([found.mean(axis=0) for found in several]).std(axis=0)
    assert (between > within).sum() >= 2
