"""From an answer back to commit, settings and runs, and from an image to every version that holds it."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from releases.champion.registered import NAME, registry_of
from releases.lineage.conftest import GONE

from medhash.commands.lineage import main
from medhash.core.workspace import Workspace

GALLERY, QUERY = f"{3:016x}", f"{101:016x}"


@pytest.fixture(autouse=True)
def _this_store(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def store(traced: Workspace, tmp_path: Path) -> Workspace:
    """A copy that a test may change; the artifacts lie where they were made."""
    shutil.copytree(traced.root, tmp_path / "root", ignore=shutil.ignore_patterns("artifacts", "made-*"))
    return Workspace(tmp_path / "root")


def trace(workspace, *arguments, capsys):
    assert main([*arguments, "--root", str(workspace.root), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_image_is_traced_to_every_version_that_holds_it_and_to_today_s_tables(traced, capsys):
    found = trace(traced, GALLERY, capsys=capsys)
    assert found["today"] == {"in_tables": True, "fold": "train", "sha256": f"{3:064x}"}
    assert [
        (release["origins"]["version"], release["origins"]["aliases"], release["held"]) for release in found["releases"]
    ] == [
        ("1", ["previous"], {"fold": "train", "role": "gallery", "sha256": f"{3:064x}"}),
        ("2", ["champion"], {"fold": "train", "role": "gallery", "sha256": f"{3:064x}"}),
    ]
    assert trace(traced, QUERY, capsys=capsys)["releases"][0]["held"]["role"] == "query"
    gone = trace(traced, GONE, capsys=capsys)
    assert gone["today"] == {"in_tables": False, "fold": None, "sha256": None}
    assert [release["origins"]["version"] for release in gone["releases"]] == ["1"]


def test_a_version_is_traced_back_to_all_that_it_was_made_from(traced, capsys):
    registry = registry_of(traced)
    version, folder = registry.version("1"), traced.root / "made-1" / "release"
    for which in ("1", "v1", "previous"):
        found = trace(traced, "--release", which, "--image", GALLERY, capsys=capsys)
    origins, release = found["origins"], json.loads((folder / "release.json").read_text())
    assert found["held"]["sha256"] == f"{3:064x}"
    for key in ("model_digest", "codes_digest", "index_digest", "data_digest", "git_commit", "dvc_lock", "method"):
        assert origins[key] == release[key]
    assert origins["decoder"] == release["preprocessing"]["decoder"]
    assert origins["params"] == f"models:/{NAME}/1/artifacts/release/params.yaml"
    assert origins["params_digest"] == hashlib.sha256((folder / "params.yaml").read_bytes()).hexdigest()
    assert origins["mlflow_run"] == {"run_id": version.run_id, "name": "train 1", "experiment": NAME}
    assert origins["airflow_run"] == "scheduled__2026-01-05T00:00:00+00:00"
    assert (origins["decision"], origins["decided_by"]) == ("promoted", "Dr. Roe")
    assert (origins["predecessor"], origins["problem"]) == (None, None)
    second = trace(traced, "--release", "champion", capsys=capsys)
    assert second["held"] is None
    assert [second["origins"][key] for key in ("version", "predecessor", "airflow_run", "decided_by")] == [
        "2",
        "1",
        None,
        None,
    ]


def test_the_text_says_the_same_and_names_no_patient(traced, capsys):
    for arguments in ([GALLERY], ["--release", "champion", "--image", GALLERY]):
        assert main([*arguments, "--root", str(traced.root)]) == 0
        text = capsys.readouterr().out
        assert f"{NAME} version 2 (champion): lsh" in text
        assert "held as:           gallery, fold train" in text
        assert re.search(r"MLflow run: +[0-9a-f]{32}, train 2, of experiment medhash-nih", text)
        assert f"{10_000:016x}" not in text  # its patient


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Poe_Edgar_1809.dcm"], "no image of that id is in today's tables or in any release"),
        (["--release", "7"], "has no version or alias '7'"),
        (["--release", "best"], "known are: champion, previous, 1, 2"),
        (["--release", "2", "--image", GONE], "version 2 of medhash-nih holds no image of that id"),
    ],
)
def test_what_is_not_known_is_a_clear_error_that_repeats_no_image(traced, capsys, arguments, message):
    assert main([*arguments, "--root", str(traced.root)]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Poe" not in error


@pytest.mark.parametrize("arguments", [[], [GALLERY, "--release", "1"], ["--image", GALLERY], ["--image", ""]])
def test_a_question_that_asks_for_neither_or_both_is_refused(traced, arguments):
    with pytest.raises(SystemExit):
        main([*arguments, "--root", str(traced.root)])


def artifacts_of(traced, number):
    digest = registry_of(traced).version(number).tags["model_digest"]
    return next(
        path.parents[3]
        for path in (traced.state / "mlflow" / "artifacts").rglob("release/release.json")
        if digest in path.read_text()
    )


def test_versions_whose_artifacts_are_gone_are_reported_and_the_others_still_answer(traced, store, capsys, tmp_path):
    folder = artifacts_of(traced, "1")
    shutil.move(folder, tmp_path / "kept")
    try:
        found = trace(store, GALLERY, capsys=capsys)
        alone = trace(store, "--release", "1", capsys=capsys)
        assert main([GONE, "--root", str(store.root)]) == 1
        assert "of the versions, 1 could not be read" in capsys.readouterr().err
        assert main(["--release", "1", "--image", GALLERY, "--root", str(store.root)]) == 1
    finally:
        shutil.move(tmp_path / "kept", folder)
    assert [release["origins"]["version"] for release in found["releases"]] == ["2"]
    assert [(origins["version"], "models:/medhash-nih/1" in origins["problem"]) for origins in found["unread"]] == [
        ("1", True)
    ]
    tags = registry_of(traced).version("1").tags
    assert alone["origins"]["model_digest"] == tags["model_digest"]
    assert alone["origins"]["problem"]


def test_fifty_versions_are_asked_for_their_small_files_only(store, capsys, monkeypatch):
    registry = registry_of(store)
    second = registry.version("2")
    for _ in range(48):
        registry.client.create_model_version(
            NAME, source=second.source, model_id=second.model_id, run_id=second.run_id, tags=second.tags
        )
    fetched, original = [], type(registry).fetch

    def watched(self, version, into, part=""):
        fetched.append(part)
        return original(self, version, into, part)

    monkeypatch.setattr(type(registry), "fetch", watched)
    assert len(trace(store, GALLERY, capsys=capsys)["releases"]) == 50
    assert sorted(set(fetched)) == ["images.parquet", "release.json"]
    assert fetched.count("release.json") == 50
    assert fetched.count("images.parquet") == 2  # two tables, whatever the number of versions


def test_an_image_that_no_release_holds_yet_and_a_checkout_without_tables(store, traced, capsys):
    registry_of(store).client.delete_registered_model(NAME)
    assert main([GALLERY, "--root", str(store.root)]) == 0
    assert "no release holds it" in capsys.readouterr().out
    shutil.rmtree(store.derived)
    assert main([GALLERY, "--root", str(store.root)]) == 1
    assert "no image of that id" in capsys.readouterr().err


def test_a_release_of_an_old_format_is_reported(traced, store, capsys):
    path = artifacts_of(traced, "1") / "artifacts" / "artifacts" / "release" / "release.json"
    kept = path.read_text()
    document = json.loads(kept)
    del document["format"], document["files"]
    path.write_text(json.dumps(document))
    try:
        found = trace(store, GALLERY, capsys=capsys)
    finally:
        path.write_text(kept)
    assert found["unread"][0]["problem"].startswith("release.json describes a release of format 1")
