"""The whole of ChestX-ray14's table through metadata-only ingest, split, labels and similarity."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from medhash.core.contracts import LABEL_SETS, SIMILARITY, SPLIT, read_table
from medhash.core.documents import Vocabulary
from medhash.core.workspace import Workspace

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("MEDHASH_REAL_DATA", ROOT / ".." / "shared" / "data"))
COUNTS = DATA / ".." / "tables" / "nih_label_counts.csv"
CHAIN = """
import importlib, sys, resource, time
for stage in ("ingest", "split", "labels", "similarity"):
    status = importlib.import_module(f"components.{stage}.__main__").main(sys.argv[1:])
    assert status == 0, stage
print("measured", time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
"""All four stages in one process: its CPU time (the stages use one core) and its peak memory are bounds for theirs."""


@pytest.mark.realdata
def test_the_full_table_gives_801_label_sets_the_published_counts_and_whole_patients(tmp_path):
    archive = (DATA / "nih").absolute()
    if not (archive / "Data_Entry_2017_v2020.csv.gz").exists() or not COUNTS.exists():
        pytest.skip(f"no NIH table in {DATA}: set MEDHASH_REAL_DATA")
    (tmp_path / "params.yaml").write_text(f"methods: [lsh]\ningest: {{archive: '{archive}', metadata_only: true}}\n")
    done = subprocess.run(
        [sys.executable, "-c", CHAIN, "--root", str(tmp_path)],
        cwd=ROOT,
        text=True,
        check=False,
        capture_output=True,
        env=os.environ | {"MEDHASH_PSEUDONYM_KEY": "5e" * 32},
    )
    assert done.returncode == 0, done.stderr
    seconds, peak_kb = map(float, done.stdout.split("measured")[1].split())
    assert seconds < 60
    assert peak_kb < 2e6

    workspace = Workspace(tmp_path)
    assert read_table(workspace.label_sets, LABEL_SETS).num_rows == 801
    assert read_table(workspace.similarity, SIMILARITY).num_rows == 801**2
    split = read_table(workspace.split, SPLIT)
    assert split.num_rows == 112_120
    assert split.select(["patient_id", "fold"]).group_by(["patient_id", "fold"]).aggregate([]).num_rows == 30_805
    with COUNTS.open() as handle:
        published = {row["label"]: int(row["images"]) for row in csv.DictReader(handle)}
    counted = Vocabulary.read(workspace.vocabulary).n_bags
    assert {label: sum(folds.values()) for label, folds in counted.items()} == published
