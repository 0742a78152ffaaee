"""The champion keeps its place but not its gallery: images come and go while no better model does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from releases.promotion.finished import Run, after_training

from medhash.core import tracking
from medhash.core.contracts import LABELS, RELEASED, SPLIT, read_table, write_table
from medhash.core.errors import MedhashError
from medhash.hashing.model import load_model
from medhash.releases.audit import read_log
from medhash.releases.hold import Hold, hold
from medhash.releases.promotion.clauses import kept_lift
from medhash.releases.promotion.promote import promote
from medhash.releases.registry import Registry
from medhash.releases.request import UserRequest
from medhash.releases.rollback import RolledBack, rollback
from medhash.retrieval.encode import encode_bags
from medhash.retrieval.index import load_index


def registry(run: Run) -> Registry:
    return Registry(tracking.connect(run.workspace), "medhash-nih")


def champion(run: Run) -> Any:
    return registry(run).version_of("champion")


def without(run: Run, n_train: int) -> list[str]:
    """Withdraw the first training images; returns their ids."""
    labels = read_table(run.workspace.labels, LABELS)
    gone = labels.filter(labels["fold"].to_numpy() == "train")["bag_id"].to_pylist()[:n_train]
    for path, schema in ((run.workspace.labels, LABELS), (run.workspace.split, SPLIT)):
        table = read_table(path, schema)
        write_table(path, table.filter(~np.isin(table[0].to_numpy(), gone)), schema)  # by image_id, or bag_id
    return gone


def refuse_a_challenger(run: Run, **settings: Any) -> str:
    """itq, measured on today's images, against a gain that nothing reaches."""
    params = run.params("itq", min_gain=1.0, **settings)
    after_training(run.workspace, params, "itq")
    return promote(run.workspace, params)


def test_withdrawn_images_leave_the_champion_and_new_ones_join_it_under_the_same_model(
    served: Run, tmp_path: Path
) -> None:
    first = champion(served)
    whole = {path: path.read_bytes() for path in (served.workspace.labels, served.workspace.split)}
    gone = without(served, 6)
    said = refuse_a_challenger(served)
    second = champion(served)
    assert f"version {second.version} serves now, the model of version {first.version}" in said
    assert "0 images came, 6 left" in said
    assert (second.tags["model_digest"], second.tags["renews"]) == (first.tags["model_digest"], str(first.version))
    folder, _ = registry(served).fetch_checked(second, tmp_path / "second")
    index = load_index(folder / "index")
    assert not set(gone) & set(index.bag_ids.to_pylist())
    assert not set(gone) & set(read_table(folder / "images.parquet", RELEASED)["image_id"].to_pylist())

    for path, text in whole.items():
        path.write_bytes(text)
    assert "6 images came, 0 left" in refuse_a_challenger(served)
    folder, _ = registry(served).fetch_checked(champion(served), tmp_path / "third")
    index, images = load_index(folder / "index"), read_table(folder / "images.parquet", RELEASED)
    encoded = encode_bags(served.workspace, load_model(folder / "model"))
    gallery = [place for place, fold in enumerate(encoded.folds) if fold != "test"]
    assert index.bag_ids.to_pylist() == encoded.members.bag_ids[gallery].tolist()
    assert np.array_equal(index.faiss_index.reconstruct_n(0, index.info.n), encoded.codes[gallery])
    assert images.filter(np.logical_not(images["at_training"].to_numpy()))["image_id"].to_pylist() == sorted(gone)
    assert [line.entry.act for line in read_log(served.workspace)] == ["promote", "refuse", "renew", "refuse", "renew"]


def test_nothing_is_renewed_where_nothing_changed_or_where_the_champion_is_held(served: Run) -> None:
    before = champion(served).version
    assert "today's gallery:" not in refuse_a_challenger(served)
    without(served, 4)
    asked = UserRequest.now("an audit", "somebody")
    hold(served.workspace, registry(served), Hold(**asked.model_dump()))
    refuse_a_challenger(served)
    assert champion(served).version == before
    assert "today's gallery:" not in refuse_a_challenger(served, renew=False)


def test_labels_that_no_longer_mean_anything_do_not_reach_the_gallery(served: Run) -> None:
    before = champion(served).version
    without(served, 4)
    labels = read_table(served.workspace.labels, LABELS)
    shuffled = np.random.default_rng(3).permutation(labels["set_id"].to_numpy())
    write_table(served.workspace.labels, labels.set_column(3, LABELS.field("set_id"), [shuffled]), LABELS)
    said = refuse_a_challenger(served, min_kept_lift=1.0)
    assert "keeps the gallery it has: kept-lift" in said
    assert champion(served).version == before
    assert read_log(served.workspace)[-1].entry.what["failed"] == ["kept-lift"]


@pytest.mark.parametrize(("now", "held"), [(0.10, True), (0.099, False)])
def test_half_of_the_lift_must_be_kept(served: Run, now: float, held: bool) -> None:
    figures = served.figures("lsh")

    def lifted(value: float) -> Any:
        lift = figures.seen.lift.model_copy(update={"value": value})
        return figures.model_copy(update={"seen": figures.seen.model_copy(update={"lift": lift})})

    assert kept_lift(lifted(0.2), lifted(now), 0.5).held is held
    without = [lifted(value).model_copy(update={"seen": None}) for value in (0.2, now)]
    assert kept_lift(*without, 0.5).held  # releases before lift are compared by MAP less chance


def test_a_rollback_goes_past_a_renewal_to_the_model_before(served: Run) -> None:
    first = champion(served)
    asked = UserRequest.now("tried", "somebody")
    after_training(served.workspace, served.params("itq"), "itq")
    promote(served.workspace, served.params("itq"), force=asked)
    second = champion(served)
    without(served, 4)
    params = served.params("lsh", min_gain=1.0)
    after_training(served.workspace, params, "lsh")
    after_training(served.workspace, params, "itq")
    said = promote(served.workspace, params)
    assert champion(served).tags["renews"] == str(second.version), said
    rollback(served.workspace, registry(served), RolledBack(**asked.model_dump()))
    assert champion(served).version == first.version


def test_a_renewal_that_was_cut_off_is_finished_with_the_version_it_registered(
    served: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(served, 4)
    before = champion(served).version

    def killed(*_: Any) -> None:
        raise MedhashError("killed", "none")

    with monkeypatch.context() as patched:
        patched.setattr(Registry, "replace_gallery", killed)
        with pytest.raises(MedhashError, match="killed"):
            refuse_a_challenger(served)
    assert champion(served).version == before
    n_versions = len(registry(served).versions())
    refuse_a_challenger(served)
    assert champion(served).tags["renews"] == str(before)
    assert len(registry(served).versions()) == n_versions
