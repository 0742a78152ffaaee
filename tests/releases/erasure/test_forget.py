"""A forgotten patient is found nowhere, and those who search notice nothing but that."""

import gzip
import hashlib
import json
import sqlite3
import threading
import zipfile

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from releases.erasure.holding import places_of

from medhash.commands.forget import main
from medhash.core import tracking
from medhash.releases.audit import read_log
from medhash.releases.registry import Registry


def registry_of(workspace) -> Registry:
    return Registry(tracking.connect(workspace), "medhash-nih")


def aliases(registry: Registry) -> dict[str, str]:
    return {alias: str(number) for alias, number in registry.client.get_registered_model(registry.name).aliases.items()}


def forget(holding, *options: str, reason: str = "asked for in writing") -> int:
    return main([holding.patient, "--root", str(holding.root), "--reason", reason, *options])


def png_of(square: bytes) -> bytes:
    return cv2.imencode(".png", np.frombuffer(square, np.uint8).reshape(32, 32))[1].tobytes()


def answers(workspace, image: bytes, k: int) -> list[str]:
    """Ids of the k nearest, as an MLflow client gets them."""
    import mlflow
    import pandas as pd

    tracking.connect(workspace)
    model = mlflow.pyfunc.load_model("models:/medhash-nih@champion")
    neighbours = model.predict(pd.DataFrame({"image": [image]}), params={"k": k})["neighbours"][0]
    return [neighbour["bag_id"] for neighbour in json.loads(neighbours)]


def test_the_patient_is_found_nowhere_and_the_champion_goes_on_serving_without(holding, tmp_path, capsys):
    workspace, registry = holding.workspace, registry_of(holding.workspace)
    assert len(places_of(holding.root, holding.patient, holding.image_ids, holding.squares)) > 20
    assert aliases(registry) == {"champion": "2", "previous": "1", "challenger": "2"}
    image = png_of(holding.squares[0])
    before = answers(workspace, image, 100)
    assert set(holding.image_ids) <= set(before)
    weights = {
        number: (
            registry.fetch(registry.version(number), tmp_path / number) / "model" / "weights.safetensors"
        ).read_bytes()
        for number in ("1", "2")
    }

    assert forget(holding, "--by", "Dr Example") == 0
    told = capsys.readouterr()
    assert places_of(holding.root, holding.patient, holding.image_ids, holding.squares) == []
    digest = hashlib.sha256(b"forgotten\0" + holding.patient.encode()).hexdigest()
    assert digest in workspace.forgotten.read_text().splitlines()

    after = answers(workspace, image, 100)
    assert sorted(after) == sorted(set(before) - set(holding.image_ids))
    assert after == [image_id for image_id in before if image_id not in holding.image_ids]
    assert aliases(registry) == {"champion": "4", "previous": "3", "challenger": "4"}
    assert registry.version("1") is None
    assert registry.version("2") is None
    for number, old in (("3", "1"), ("4", "2")):
        version = registry.version(number)
        folder, release = registry.fetch_checked(version, tmp_path / number)
        assert (folder / "model" / "weights.safetensors").read_bytes() == weights[old]
        assert version.tags["scrubbed_from"] == old
        assert version.tags["decision"] == "forced"
        assert version.tags["codes_digest"] == release.codes_digest
    assert registry.version("4").tags["predecessor"] == "3"

    entry = read_log(workspace)[-1].entry
    assert (entry.act, entry.who) == ("forget", "Dr Example")
    assert entry.what["patient"] == digest
    assert entry.what["scrubbed"] == {"medhash-nih 1": "3", "medhash-nih 2": "4"}
    assert (entry.what["images"], entry.what["found"], entry.what["reason"]) == (3, 0, "asked for in writing")
    assert entry.what["files_searched"] > 20
    for text in (told.out, told.err, workspace.audit_log.read_text()):
        assert holding.patient not in text
        assert not any(image_id in text for image_id in holding.image_ids)
    assert "dvc gc --workspace --cloud --remote far" in told.out

    logs = holding.root / "var"
    assert (logs / "airflow/logs/dag_id=hashing_retrain/attempt=1.log").read_text() == "before\nafter\n"
    assert (logs / "logs/mlflow.log").read_text() == "one\n"
    other_set = holding.root / "data/benchmark/other"
    assert (other_set / "data/derived/images/images.parquet").exists()
    assert (other_set / "rows/itq/16-0/result.json").exists()
    assert not (holding.root / "data/benchmark/mine/rows/itq/16-0").exists()
    assert (holding.root / "data/benchmark/mine/rows/itq/method.json").exists()


def test_what_is_left_of_others_is_theirs_and_a_rollback_still_has_somewhere_to_go(holding):
    from medhash.commands.rollback import main as rollback

    uses = json.loads(holding.workspace.query_uses.read_text())
    asked = next(iter(uses))
    holding = holding._replace(
        patient=asked,
        image_ids=[
            row["image_id"] for row in pq.read_table(holding.workspace.images).to_pylist() if row["patient_id"] == asked
        ],
    )
    assert forget(holding) == 0
    assert json.loads(holding.workspace.query_uses.read_text()) == {
        patient: decisions for patient, decisions in uses.items() if patient != asked
    }
    assert rollback(["--root", str(holding.root), "--reason", "the test wants it"]) == 0
    assert aliases(registry_of(holding.workspace))["champion"] == "3"


def test_asked_again_it_searches_again_and_removes_nothing_more(holding, capsys):
    assert forget(holding) == 0
    (holding.root / "reports").mkdir()
    (holding.root / "reports" / "index.html").write_text("made anew since")
    capsys.readouterr()
    assert forget(holding) == 0
    assert "0 files removed" in capsys.readouterr().out
    assert (holding.root / "reports" / "index.html").exists()
    assert [line.entry.act for line in read_log(holding.workspace)][-2:] == ["forget", "forget"]
    (holding.root / "reports" / "index.html").write_text(f"and yet: {holding.patient}")
    assert forget(holding) == 0
    assert not (holding.root / "reports").exists()


def test_a_dry_run_says_what_would_happen_and_nothing_happens(holding, capsys):
    def files():
        return {
            path: path.read_bytes()
            for path in holding.root.rglob("*")
            if path.is_file() and path.suffix not in (".lock", ".db") and "tmp" not in path.parts
        }

    before = files()
    assert main([holding.patient, "--root", str(holding.root), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "1 patients with 3 images" in told
    assert "medhash-nih 1" in told
    assert "medhash-nih 2" in told
    assert holding.patient not in told
    assert files() == before


def test_whatever_is_left_stops_the_act_and_is_named_and_the_journal_waits(holding, capsys):
    planted = {
        name: holding.root / name
        for name in (
            "notes.md",
            "var/notes.csv.gz",
            "data/sets/table",
            "scratch.npy",
            "var/cache/other.sqlite",
            "packed.zip",
        )
    }
    for path in planted.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    planted["notes.md"].write_text(f"ask about {holding.patient} tomorrow")
    noise = np.random.default_rng(0).bytes(200_000)  # the file is cut off long after the id
    planted["var/notes.csv.gz"].write_bytes(gzip.compress(holding.image_ids[2].encode() + noise)[:-50_000])
    nested = pa.table({"a": [[{"b": "other"}], [{"b": holding.image_ids[0]}]]})
    pq.write_table(nested, planted["data/sets/table"], compression="zstd")
    np.save(planted["scratch.npy"], np.frombuffer(b"\1" * 1031 + holding.squares[1] + b"\2" * 5, np.uint8))
    connection = sqlite3.connect(planted["var/cache/other.sqlite"])
    connection.execute("CREATE TABLE t (a BLOB)")
    connection.execute("INSERT INTO t VALUES (?)", (holding.squares[1] * 3,))
    connection.commit()
    connection.close()
    with zipfile.ZipFile(planted["packed.zip"], "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inside", holding.squares[2])
    assert forget(holding) == 1
    told = capsys.readouterr().err
    assert "data of the patient remains in 6 places" in told
    for name, kind in zip(planted, ("the pseudonym", "the id", "the id", "pixels", "pixels", "pixels"), strict=True):
        assert f"{name}: {kind}" in told
    assert holding.patient not in told
    assert not any(line.entry.act == "forget" for line in read_log(holding.workspace))
    for path in planted.values():
        path.unlink()
    (holding.root / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    assert forget(holding) == 0
    entry = read_log(holding.workspace)[-1].entry
    assert (entry.what["images"], entry.what["damaged_packed_files"]) == (3, 1)
    assert places_of(holding.root, holding.patient, holding.image_ids, holding.squares) == []


def test_who_queries_all_the_while_sees_whole_releases_and_no_error(holding):
    from medhash.releases.searcher.searcher import load_version

    ended, seen, errors = threading.Event(), [], []

    def query():
        registry = registry_of(holding.workspace)
        while not ended.is_set():
            try:
                release = load_version(holding.workspace, registry)
                found = release.answer(png_of(holding.squares[0]), 100).neighbours
                seen.append((release.version, holding.image_ids[0] in {neighbour.id for neighbour in found}))
            except Exception as error:
                errors.append(error)

    reader = threading.Thread(target=query)
    reader.start()
    try:
        assert forget(holding) == 0
    finally:
        ended.set()
        reader.join()
    assert errors == []
    assert seen[-1] == ("4", False)
    assert set(seen) <= {("2", True), ("4", False)}
