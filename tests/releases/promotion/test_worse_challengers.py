"""Challengers planted to be worse in one way each, through promote() and a real registry: the clause that should,
refuses them, and the champion stays."""

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from releases.promotion.planted import N_IMAGES, SETS, by_label, plant, random_codes

from medhash.core import tracking
from medhash.core.contracts import LABELS, read_table
from medhash.core.files import sha256_file
from medhash.hashing.model import HashModel
from medhash.releases.audit import read_log
from medhash.releases.promotion.latest import Latest
from medhash.releases.promotion.promote import promote
from medhash.releases.registry import Registry
from medhash.retrieval.code_table import PlacedCodes, place_codes, read_codes
from medhash.retrieval.index import GALLERY_FOLDS, write_index


def shuffled_labels(run: Any) -> None:
    plant(run, "itq", by_label(np.random.default_rng(0).permutation(SETS)))


def one_class_destroyed(run: Any) -> None:
    codes = by_label(SETS)
    codes[SETS == 2] = random_codes(seed=3)[SETS == 2]
    plant(run, "itq", codes)


def dead_bits(run: Any) -> None:
    codes = by_label(SETS)
    codes[:, :5] = 1
    codes[:, 5:8] = by_label(SETS)[:, :3]
    plant(run, "itq", codes)


def nothing_wrong(run: Any) -> None:
    plant(run, "itq", by_label(SETS))


def index_of(run: Any, changed: Callable[[PlacedCodes], PlacedCodes]) -> None:
    """A better model, whose index is built of a changed gallery and says that it was built of the code table."""
    nothing_wrong(run)
    path = run.workspace.codes("itq")
    placed = place_codes(read_codes(path), read_table(run.workspace.labels, LABELS))
    write_index(run.workspace.index("itq"), changed(placed), run.figures("itq").model_digest, sha256_file(path))


def rows(placed: PlacedCodes, kept: np.ndarray, **others: np.ndarray) -> PlacedCodes:
    columns = {name: column[kept] for name, column in vars(placed).items()}
    return PlacedCodes(**columns | others)


def fewer_images(run: Any) -> None:
    index_of(run, lambda placed: rows(placed, np.arange(90)))


def other_images(run: Any) -> None:
    index_of(run, lambda placed: rows(placed, np.arange(24, N_IMAGES)))


def another_order_of_label_sets(run: Any) -> None:
    index_of(
        run, lambda placed: rows(placed, np.arange(96), set_ids=np.roll(placed.of_folds(*GALLERY_FOLDS).set_ids, 1))
    )


def codes_of_other_images(run: Any) -> None:
    index_of(run, lambda placed: rows(placed, np.arange(96), codes=placed.codes[np.arange(96)[::-1]]))


def codes_of_no_model(run: Any) -> None:
    """Codes that rank well, and claim to be those of a model that never made them."""
    from builders import write_codes
    from releases.promotion.finished import index_and_measure

    plant(run, "itq", random_codes())
    write_codes(run.workspace, "itq", np.packbits(by_label(SETS) > 0, axis=1), run.figures("itq").model_digest)
    index_and_measure(run.workspace, run.params("itq"), "itq")


@pytest.mark.parametrize(
    ("spoil", "limits", "clauses"),
    [
        (shuffled_labels, {}, {"gain", "slices"}),
        (one_class_destroyed, {}, {"gain", "slices"}),
        (dead_bits, {}, {"bits"}),
        (nothing_wrong, {"max_p95_ms": 20.0}, {"latency"}),
        (nothing_wrong, {"max_index_mb": 1e-3}, {"size"}),
        (fewer_images, {}, {"gallery"}),
        (other_images, {}, {"gallery"}),
        (another_order_of_label_sets, {}, {"gallery"}),
        (codes_of_other_images, {}, {"gallery"}),
        (codes_of_no_model, {}, {"gallery"}),
    ],
)
def test_a_planted_worse_challenger_is_refused_by_its_clause(
    served: Any, monkeypatch: pytest.MonkeyPatch, spoil: Any, limits: dict[str, float], clauses: set[str]
) -> None:
    spoil(served)
    if "max_p95_ms" in limits:  # a network that takes its time
        real = HashModel.relaxed_pixels
        monkeypatch.setattr(
            HashModel, "relaxed_pixels", lambda *given: time.sleep(0.03 * (len(given[1]) == 1)) or real(*given)
        )
    text = promote(served.workspace, served.params("itq", **limits))
    registry = Registry(tracking.connect(served.workspace), "medhash-nih")
    champion, challenger = (registry.version_of(alias) for alias in ("champion", "challenger"))
    assert (champion.tags["method"], challenger.tags["method"]) == ("lsh", "itq")
    assert (challenger.tags["decision"], challenger.tags["failed_clauses"]) == (
        "not promoted",
        ", ".join(name for name in ("gallery", "gain", "slices", "latency", "size", "bits") if name in clauses),
    )
    assert all(f"✗ {name}: " in text for name in clauses)
    assert "version 2 is not promoted" in text.splitlines()[-1]
    assert Latest.read(served.workspace.decisions / "latest.json").failed_clauses == [
        *challenger.tags["failed_clauses"].split(", ")
    ]
    last = read_log(served.workspace)[-1]
    assert (last.entry.act, last.entry.what["version"], last.digest) == ("refuse", "2", challenger.tags["audit"])


@pytest.mark.usefixtures("drawn_pages")
def test_the_artifacts_of_a_refusal_say_what_was_found(served: Any) -> None:
    from mlflow.artifacts import load_dict, load_text

    one_class_destroyed(served)
    promote(served.workspace, served.params("itq"))
    registry = Registry(tracking.connect(served.workspace), "medhash-nih")
    version = registry.version_of("challenger")
    run = registry.client.get_run(version.run_id)
    document = load_dict(f"{run.info.artifact_uri}/promotion/version-2.json")
    assert document["audit"] == version.tags["audit"]
    assert [clause["name"] for clause in document["clauses"] if not clause["held"]] == ["gain", "slices"]
    fallen = {line["value"] for line in document["slices"] if line["difference"] < -0.1}
    assert fallen == {"No Finding"}
    page = load_text(f"{run.info.artifact_uri}/promotion/version-2.html")
    assert page == (served.workspace.decisions / "version-2.html").read_text()
    for expected in (
        "lift falls by more than 0.1 in label No Finding",
        "data:image/svg+xml;base64,",
        "group",
        "✗",
        version.tags["audit"],
        "what to do",
    ):
        assert expected in page
    assert not [part for part in page.split('"') if part.startswith(("http:", "https:", "//"))]
    assert "<script" not in page
    usage = json.loads(served.workspace.query_uses.read_text())
    assert document["uses"] == [0, 0, len(usage)] == [0, 0, 6]  # lsh's decision and this one
