"""A checkout in which a patient is everywhere: two releases in use, one that is not, caches, logs, counts, results."""

import gzip
import hashlib
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from builders import small_workspace
from releases.promotion.finished import Run, after_training

from medhash.core.documents import Check, GateReport
from medhash.core.params import load_params
from medhash.core.workspace import Workspace

N_PATIENTS, PER_PATIENT, SIZE_PX = 16, 3, 32
GATED = ("ingest", "evaluate")


def name_of(number: int) -> str:
    """Pseudonyms as ingest makes them: 16 hex digits that say nothing; in the order of the numbers."""
    return f"{number:04x}" + hashlib.sha256(f"id {number}".encode()).hexdigest()[:12]


def renamed(workspace: Workspace) -> None:
    """Give the builder's tables pseudonyms and digests that look like real ones."""
    for path in workspace.derived.rglob("*.parquet"):
        table = pq.read_table(path)
        for column in ("image_id", "patient_id", "study_id", "bag_id", "sha256"):
            if column in table.column_names and table[column].null_count == 0:
                values = table[column].to_pylist()
                new = [
                    hashlib.sha256(value.encode()).hexdigest()
                    if column == "sha256"
                    else name_of(int(value, 16) + 500 * (column == "study_id"))
                    for value in values
                ]
                place = table.column_names.index(column)
                table = table.set_column(place, table.schema.field(column), pa.array(new, pa.string()))
        pq.write_table(table, path)


def checkout_with_releases(root: Path) -> Workspace:
    """lsh (version 1), itq (2) and a third that refuses nobody's place: champion 2, previous 1, challenger 2."""
    from components.features.__main__ import main as features
    from medhash.releases.promotion.promote import promote
    from medhash.releases.request import UserRequest
    from medhash.training.train import train_method

    workspace = small_workspace(root, N_PATIENTS, PER_PATIENT, SIZE_PX)
    renamed(workspace)
    (root / "params.yaml").write_text(
        "bits: 16\nsize_px: 32\nmethods: [lsh, itq]\ntrain: {device: cpu}\ningest: {archive: archive}\n"
        "evaluate: {bootstrap_samples: 20}\n"
        "promote: {query_groups: 1, min_slice_patients: 2, bootstrap_samples: 100}\n"
    )
    (root / "dvc.yaml").write_text(
        "stages:\n"
        + "".join(
            f"  gate-{stage}:\n    cmd: python -m components.quality {stage}\n    deps: [data]\n"
            f"    outs: [data/derived/gates/{stage}.json]\n"
            for stage in GATED
        )
    )
    params = load_params(root / "params.yaml")
    assert features(["--root", str(root)]) == 0
    for method in ("lsh", "itq"):
        train_method(workspace, params, method)
        after_training(workspace, params, method)
    for stage in GATED:
        GateReport(
            stage=stage,
            success=True,
            checks=[Check(expectation="all is well", about=stage, success=True, observed="", offending=[])],
        ).write(workspace.gate(stage))
    run, asked = Run(root), UserRequest.now("the test wants it", "tester")
    promote(workspace, run.params("lsh"), force=asked)
    promote(workspace, run.params("itq"), force=asked)
    return workspace


def scatter(workspace: Workspace, patient: str, image_ids: list[str], rows: list[int], sha256s: list[str]) -> None:
    """Leave the patient wherever work leaves traces: caches, logs, private tables, counts, results, DVC's stores."""
    from medhash.archives.decode import Decoded
    from medhash.archives.decode_cache import DecodeCache
    from medhash.archives.preparation import Preparation
    from medhash.releases.searcher.searcher import open_release

    root, pixels = workspace.root, np.load(workspace.pixels)
    open_release("models:/medhash-nih@champion", root=root)
    with DecodeCache(workspace.decode_cache, Preparation(SIZE_PX, 0)) as cache:
        for row, sha256 in enumerate(pq.read_table(workspace.images)["sha256"].to_pylist()):
            cache.put(sha256, Decoded(SIZE_PX, SIZE_PX, pixels[row]))
    workspace.private.mkdir(parents=True)
    pq.write_table(pq.read_table(workspace.images), workspace.private / "sources.parquet")
    for path in (workspace.checkpoint("itq") / "state.json", root / "reports" / "index.html"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<p>{patient} and {image_ids[0]}")
    logs = root / "var" / "airflow" / "logs" / "dag_id=hashing_retrain"
    logs.mkdir(parents=True)
    (logs / "attempt=1.log").write_text(f"before\nimage {image_ids[1]} is odd\nafter\n")
    (root / "var" / "logs").mkdir()
    (root / "var" / "logs" / "mlflow.log").write_text(f"one\nGET /{patient}\n")
    cache, remote = root / ".dvc" / "cache", root / "remote"
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text(
        "[core]\n    remote = local\n['remote \"local\"']\n    url = ../remote\n"
        "['remote \"far\"']\n    url = s3://bucket/path\n"
    )
    for folder, path in ((cache, workspace.pixels), (remote, workspace.images)):
        (folder / "files" / "md5" / "ab").mkdir(parents=True)
        shutil.copy(path, folder / "files" / "md5" / "ab" / "cdef")
    (root / "dvc.lock").write_text("schema: '2.0'\n")
    for name, holds in (("mine", True), ("other", False)):
        tables = root / "data" / "benchmark" / name / "data" / "derived" / "images"
        tables.mkdir(parents=True)
        table = pq.read_table(workspace.images)
        kept = [place for place, other in enumerate(table["patient_id"].to_pylist()) if holds or other != patient]
        pq.write_table(table.take(kept), tables / "images.parquet")
        result = root / "data" / "benchmark" / name / "rows" / "itq" / "16-0"
        result.mkdir(parents=True)
        (result / "result.json").write_text(f'["{image_ids[0]}"]' if holds else "[]")
        (result.parent / "method.json").write_text("{}")


def places_of(root: Path, patient: str, image_ids: list[str], squares: list[bytes]) -> list[str]:
    """Brute force, with nothing of the product: every file's bytes, every cell of Parquet, every BLOB of SQLite."""
    texts = [text.encode() for text in (patient, *image_ids)]
    found = []
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        data = path.read_bytes()
        parts = [data]
        if data[:4] == b"PAR1":
            parts.append(repr(pq.read_table(path).to_pylist()).encode())
        if data[:2] == b"\x1f\x8b":
            parts.append(gzip.decompress(data))
        if data[:15] == b"SQLite format 3":
            connection = sqlite3.connect(path)
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608
                    parts += [cell if isinstance(cell, bytes) else str(cell).encode() for cell in row]
            connection.close()
        if any(pattern in part for part in parts for pattern in (*texts, *squares)):
            found.append(str(path.relative_to(root)))
    return found
