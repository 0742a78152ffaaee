"""Images that left the archive leave every release, in use or not, and nothing else does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from releases.promotion.finished import Run, after_training

from medhash.commands.withdraw import main
from medhash.core import tracking
from medhash.core.contracts import IMAGES, LABELS, RELEASED, SPLIT, read_table, write_table
from medhash.releases.audit import read_log
from medhash.releases.erasure.withdraw import withdraw
from medhash.releases.lineage import trace_release
from medhash.releases.lineage_text import release_as_text
from medhash.releases.promotion.promote import promote
from medhash.releases.registry import Registry
from medhash.retrieval.index import load_index


def registry(run: Run) -> Registry:
    return Registry(tracking.connect(run.workspace), "medhash-nih")


def held_images(run: Run, into: Path) -> dict[str, set[str]]:
    """Version → images its images.parquet, codes and index name."""
    found: dict[str, set[str]] = {}
    for version in registry(run).versions():
        folder, _ = registry(run).fetch_checked(version, into / str(version.version))
        named = read_table(folder / "images.parquet", RELEASED)["image_id"].to_pylist()
        found[str(version.version)] = {*named, *load_index(folder / "index").bag_ids.to_pylist()}
    return found


def take_away(run: Run, n_images: int) -> set[str]:
    images = read_table(run.workspace.images, IMAGES)
    write_table(run.workspace.images, images.slice(n_images), IMAGES)
    return set(images["image_id"].to_pylist()[:n_images])


def test_withdrawn_images_are_in_no_release_and_the_same_models_go_on_serving(own_store: Run, tmp_path: Path) -> None:
    before: dict[str, Any] = {alias: registry(own_store).version_of(alias) for alias in registry(own_store).aliases()}
    gone = take_away(own_store, 5)
    said = withdraw(own_store.workspace, own_store.params("lsh"))
    assert "5 images that left the archive left the releases too" in said
    for alias, version in before.items():
        now: Any = registry(own_store).version_of(alias)
        assert now.tags["model_digest"] == version.tags["model_digest"]
        assert now.version != version.version
    assert all(not images & gone for images in held_images(own_store, tmp_path / "fetched").values())
    entry = read_log(own_store.workspace)[-1].entry
    assert (entry.act, entry.what["images"]) == ("withdraw", 5)
    artifacts = own_store.workspace.mlflow_database.parent / "artifacts"
    for path in artifacts.rglob("images.parquet"):
        assert not set(read_table(path, RELEASED)["image_id"].to_pylist()) & gone


def test_lineage_says_from_which_version_one_was_made_anew(own_store: Run) -> None:
    before = registry(own_store).aliases()["champion"]
    take_away(own_store, 5)
    withdraw(own_store.workspace, own_store.params("lsh"))
    trace = trace_release(own_store.workspace, registry(own_store), "champion", None)
    assert trace.origins.scrubbed_from == before
    assert f"remade from: version {before}, without images" in " ".join(release_as_text(trace).split())


def test_nothing_happens_while_every_image_is_still_there(own_store: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before, n_lines = registry(own_store).aliases(), len(read_log(own_store.workspace))
    assert main(["--root", str(own_store.root)]) == 0
    assert "every image of every release is still in the archive" in capsys.readouterr().out
    assert registry(own_store).aliases() == before
    assert len(read_log(own_store.workspace)) == n_lines


def test_a_withdrawal_that_was_cut_off_is_finished_by_the_same_command(
    own_store: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = take_away(own_store, 5)

    def killed(*_: Any) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patched:
        patched.setattr("medhash.releases.erasure.withdraw.delete", killed)
        with pytest.raises(SystemExit):
            withdraw(own_store.workspace, own_store.params("lsh"))
    withdraw(own_store.workspace, own_store.params("lsh"))
    assert all(not images & gone for images in held_images(own_store, tmp_path / "fetched").values())
    assert registry(own_store).version_of("champion") is not None


def test_the_next_run_compares_with_the_champion_that_was_made_anew(own_store: Run) -> None:
    images = read_table(own_store.workspace.images, IMAGES)
    kept = images["image_id"].to_pylist()[5:]
    workspace = own_store.workspace
    for path, schema in ((workspace.images, IMAGES), (workspace.labels, LABELS), (workspace.split, SPLIT)):
        table = read_table(path, schema)
        write_table(path, table.filter(np.isin(table[0].to_numpy(), kept)), schema)
    withdraw(own_store.workspace, own_store.params("lsh"))
    after_training(own_store.workspace, own_store.params("itq"), "itq")
    said = promote(own_store.workspace, own_store.params("itq", min_gain=1.0))
    assert "champion: version" in said
    assert "is not promoted" in said


def test_a_version_that_cannot_be_made_anew_is_named_and_nothing_is_deleted(
    own_store: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = registry(own_store).aliases()
    images, labels = (
        read_table(path, schema)
        for path, schema in ((own_store.workspace.images, IMAGES), (own_store.workspace.labels, LABELS))
    )
    queries = labels["bag_id"].to_numpy()[labels["fold"].to_numpy() == "test"]  # nothing is left of the gallery
    write_table(own_store.workspace.images, images.filter(np.isin(images["image_id"].to_numpy(), queries)), IMAGES)
    assert main(["--root", str(own_store.root)]) == 1
    assert f"version {min(before.values(), key=int)} of medhash-nih cannot be remade: without these images" in (
        capsys.readouterr().err
    )
    assert registry(own_store).aliases() == before


def test_releases_of_another_archive_are_left_alone_and_named(own_store: Run) -> None:
    before = registry(own_store).aliases()
    images = read_table(own_store.workspace.images, IMAGES)
    renamed = [f"f{image_id[1:]}" for image_id in images["image_id"].to_pylist()]
    images = images.set_column(0, IMAGES.field("image_id"), [renamed])
    # Other parts of the same files: nothing has left the archive.
    write_table(own_store.workspace.images, images, IMAGES)
    assert "is still in the archive" in withdraw(own_store.workspace, own_store.params("lsh"))
    others = [f"f{digest[1:]}" for digest in images["sha256"].to_pylist()]
    place = IMAGES.get_field_index("sha256")
    write_table(own_store.workspace.images, images.set_column(place, IMAGES.field("sha256"), [others]), IMAGES)
    said = withdraw(own_store.workspace, own_store.params("lsh"))
    assert "left unchanged, because of another archive or pseudonym key: version 1, 2" in said
    assert registry(own_store).aliases() == before
    assert len(registry(own_store).versions()) == 2
