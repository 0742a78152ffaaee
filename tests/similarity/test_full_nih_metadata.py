"""The whole of ChestX-ray14's table through metadata-only ingest, split, labels and similarity."""

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.contracts import LABEL_SETS, SIMILARITY, SPLIT, read_table
from components.documents import Vocabulary
from components.workspace import Workspace

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("MEDHASH_REAL_DATA", ROOT / ".." / "shared" / "data"))
COUNTS = DATA / ".." / "tables" / "nih_label_counts.csv"
CHAIN = """
import importlib, sys, resource
for stage in ("ingest", "split", "labels", "similarity"):
    status = importlib.import_module(f"components.{stage}.__main__").main(sys.argv[1:])
    assert status == 0, stage
print("peak_kb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
"""All four stages in one process: its peak is an upper bound for theirs."""


@pytest.mark.realdata
@pytest.mark.parametrize("strategy", ["hash", "official"])
def test_the_full_table_gives_801_label_sets_the_published_counts_and_whole_patients(tmp_path, strategy):
    archive = (DATA / "nih").absolute()
    if not (archive / "Data_Entry_2017_v2020.csv.gz").exists() or not COUNTS.exists():
        pytest.skip(f"no NIH table in {DATA}: set MEDHASH_REAL_DATA")
    (tmp_path / "params.yaml").write_text(f"methods: [lsh]\nsplit: {{strategy: {strategy}}}\n"
                                          f"ingest: {{archive: '{archive}', metadata_only: true}}\n")
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", CHAIN, "--root", str(tmp_path)], cwd=ROOT, text=True, check=False,
                          capture_output=True, env=os.environ | {"MEDHASH_PSEUDONYM_KEY": "5e" * 32})
    seconds = time.perf_counter() - started
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split("peak_kb")[1]) < 2e6
    assert seconds < 60

    workspace = Workspace(tmp_path)
    assert read_table(workspace.label_sets, LABEL_SETS).num_rows == 801
    assert read_table(workspace.similarity, SIMILARITY).num_rows == 801 ** 2
    split = read_table(workspace.split, SPLIT)
    assert split.num_rows == 112_120
    assert split.select(["patient_id", "fold"]).group_by(["patient_id", "fold"]).aggregate([]).num_rows == 30_805
    with COUNTS.open() as handle:
        published = {row["label"]: int(row["images"]) for row in csv.DictReader(handle)}
    counted = Vocabulary.read(workspace.vocabulary).n_images
    assert {label: sum(folds.values()) for label, folds in counted.items()} == published
