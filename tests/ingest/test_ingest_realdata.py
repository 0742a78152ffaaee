"""The whole public NIH table, 112,120 rows, through metadata-only ingest."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from medhash.core.contracts import IMAGES, read_table
from medhash.core.workspace import Workspace

REPOSITORY = Path(__file__).parents[2]
NIH = Path(os.environ.get("MEDHASH_REAL_DATA", REPOSITORY.parent / "shared" / "data")) / "nih"
MEASURED_RUN = """
import re, sys, time
from components.ingest.__main__ import main
code = main(sys.argv[1:])
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]
print("measured", time.process_time(), int(peak) / 1024)
sys.exit(code)
"""


@pytest.mark.realdata
@pytest.mark.skipif(
    not (NIH / "Data_Entry_2017_v2020.csv.gz").exists(),
    reason="the public NIH table is not there (MEDHASH_REAL_DATA or ../shared/data)",
)
def test_all_of_nih_is_indexed_in_seconds_and_little_memory(tmp_path):
    (tmp_path / "params.yaml").write_text("methods: [lsh]\n")
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED_RUN, "--root", str(tmp_path), "--archive", str(NIH), "--metadata-only"],
        cwd=REPOSITORY,
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "MEDHASH_PSEUDONYM_KEY": "a key of the tests, not of a hospital"},
    )
    assert ended.returncode == 0, ended.stderr
    _, cpu_seconds, peak_mib = ended.stdout.splitlines()[-1].split()
    assert float(cpu_seconds) < 15
    assert float(peak_mib) < 1024

    images = read_table(Workspace(tmp_path).images, IMAGES)
    assert len(images) == len(images["image_id"].unique()) == 112_120
    assert len(images["patient_id"].unique()) == 30_805
    folds = {row["values"]: row["counts"] for row in pc.value_counts(images["official_fold"]).to_pylist()}
    assert folds == {"train_val": 86_524, "test": 25_596}
    assert len(images.group_by(["patient_id", "official_fold"]).aggregate([])) == 30_805
    labels = images["labels"].combine_chunks()
    names = labels.values.field("label")
    counts = {row["values"]: row["counts"] for row in pc.value_counts(names).to_pylist()}
    assert (len(counts), counts["Hernia"], counts["No Finding"]) == (15, 227, 60_361)
    sets = np.zeros(len(images), np.int64)  # a bit mask per image
    np.bitwise_or.at(
        sets,
        pc.list_parent_indices(labels).to_numpy(),
        1 << pc.index_in(names, pa.array(sorted(counts))).to_numpy().astype(np.int64),
    )
    assert len(np.unique(sets)) == 801
