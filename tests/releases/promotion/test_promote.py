"""Promotion against a real MLflow store: who becomes champion, and what an interruption or a broken part leaves."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from releases.promotion.finished import after_training
from releases.promotion.planted import SETS, by_label, plant, random_codes

from medhash.core import tracking
from medhash.core.errors import MedhashError
from medhash.core.params import QualityParams
from medhash.releases.audit import read_log
from medhash.releases.promotion.promote import promote
from medhash.releases.registry import Registry
from medhash.releases.release import check_release


def registry(run: Any) -> Registry:
    return Registry(tracking.connect(run.workspace), "medhash-nih")


def aliases(run: Any) -> dict[str, str]:
    """Alias → method of the version it points to."""
    found = {alias: registry(run).version_of(alias) for alias in ("champion", "challenger", "previous")}
    return {alias: version.tags["method"] for alias, version in found.items() if version is not None}


def n_versions(run: Any) -> int:
    return len(registry(run).client.search_model_versions("name = 'medhash-nih'"))


def test_the_first_model_above_chance_becomes_champion_with_all_its_parts(run: Any, tmp_path: Path) -> None:
    text = promote(run.workspace, run.params("lsh"))
    assert aliases(run) == {"champion": "lsh", "challenger": "lsh"}
    champion = registry(run).version_of("champion")
    folder = registry(run).fetch(champion, tmp_path / "fetched")
    assert sorted(path.name for path in folder.iterdir()) == [
        "codes.parquet",
        "images.parquet",
        "index",
        "labels.json",
        "metrics.json",
        "model",
        "params.yaml",
        "profile.json",
        "release.json",
    ]
    assert check_release(folder).model_digest == run.figures("lsh").model_digest
    assert champion.tags["decision"] == "promoted"
    assert float(champion.tags["map"]) == pytest.approx(run.figures("lsh").figures.map, abs=1e-6)
    assert champion.tags["evaluation_digest"] == run.figures("lsh").evaluation_digest
    logged = registry(run).client.list_artifacts(champion.run_id, "promotion")
    assert [item.path for item in logged] == [f"promotion/version-1.{ending}" for ending in ("html", "json", "md")]
    assert "version 1 is promoted" in text
    assert not (run.workspace.state / "staging").exists()
    assert not [path for path in folder.parent.parent.rglob("*") if path.suffix in (".pkl", ".pickle")]


def test_a_first_model_at_chance_is_registered_but_nothing_serves(run: Any) -> None:
    plant(run, "lsh", random_codes())
    assert "lift's interval is not above 0" in promote(run.workspace, run.params("lsh"))
    assert aliases(run) == {"challenger": "lsh"}
    assert registry(run).version_of("challenger").tags["failed_clauses"] == "lift"


@pytest.mark.parametrize(("min_gain", "promoted"), [(0.0, True), (0.3, False)])
def test_a_challenger_replaces_the_champion_only_by_surely_more_than_the_least_gain(
    served: Any, min_gain: float, promoted: bool
) -> None:
    plant(served, "itq", by_label(SETS))
    text = promote(served.workspace, served.params("itq", min_gain=min_gain))
    assert aliases(served) == (
        {"champion": "itq", "challenger": "itq", "previous": "lsh"}
        if promoted
        else {"champion": "lsh", "challenger": "itq"}
    )
    challenger = registry(served).version_of("challenger")
    assert ("is promoted" in text.splitlines()[-1]) == promoted
    assert challenger.tags["decision"] == ("promoted" if promoted else "not promoted")
    assert challenger.tags["failed_clauses"] == ("" if promoted else "gain")
    gain = served.figures("itq").seen.lift.value - served.figures("lsh").seen.lift.value
    assert float(challenger.tags["gain"]) == pytest.approx(gain, abs=1e-6)
    assert float(challenger.tags["gain_low"]) < gain < float(challenger.tags["gain_high"])
    last = read_log(served.workspace)[-1]
    assert (last.entry.act, last.digest) == ("promote" if promoted else "refuse", challenger.tags["audit"])


def test_the_challenger_is_chosen_on_validation_patients_not_on_test(run: Any) -> None:
    run.set_figures("lsh", validation_lift=0.9)
    run.set_figures("itq", validation_lift=0.8)  # though better on test
    promote(run.workspace, run.params("itq", "lsh"))
    assert aliases(run)["champion"] == "lsh"


def test_without_a_validation_figure_nothing_is_promoted(run: Any) -> None:
    run.set_figures("itq", validation_lift=None)
    with pytest.raises(MedhashError, match="itq has no validation lift") as refused:
        promote(run.workspace, run.params("lsh", "itq"))
    assert "split.val_share" in refused.value.fix
    assert aliases(run) == {}


def test_a_reference_is_never_promoted_however_well_it_does(run: Any) -> None:
    run.set_figures("lsh", validation_lift=0.9)
    run.set_figures("itq", validation_lift=0.8)
    params = run.params("itq", "lsh")
    only = params.model_copy(update={"quality": QualityParams(references=["lsh"])})
    promote(run.workspace, only)
    assert aliases(run)["champion"] == "itq"
    with pytest.raises(MedhashError, match=r"every method .* is a reference"):
        promote(run.workspace, params.model_copy(update={"quality": QualityParams(references=["lsh", "itq"])}))


def test_promoting_the_same_run_again_changes_nothing(served: Any) -> None:
    assert "Nothing to do" in promote(served.workspace, served.params("lsh"))
    plant(served, "itq", random_codes())
    for _ in range(2):
        promote(served.workspace, served.params("itq"))
    assert n_versions(served) == 2
    assert aliases(served) == {"champion": "lsh", "challenger": "itq"}
    assert [line.entry.act for line in read_log(served.workspace)] == ["promote", "refuse"]


def _widen(run: Any) -> None:
    from builders import write_codes

    write_codes(run.workspace, "itq", np.zeros((120, 4), np.uint8), run.figures("itq").model_digest)


def _another_model(run: Any) -> None:
    shutil.rmtree(run.workspace.model("itq"))
    shutil.copytree(run.workspace.model("lsh"), run.workspace.model("itq"))


def _another_index(run: Any) -> None:
    shutil.rmtree(run.workspace.index("itq"))
    shutil.copytree(run.workspace.index("lsh"), run.workspace.index("itq"))


def _flip(run: Any) -> None:
    path = run.workspace.model("itq") / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _old_figures(run: Any) -> None:
    run.set_figures("itq", model_digest="0" * 64)


@pytest.mark.parametrize(
    ("break_it", "named"),
    [
        (_widen, "holds codes of 16 bits"),
        (_another_model, "comes from model"),
        (_another_index, "built from another"),
        (_flip, "weights.safetensors"),
        (_old_figures, "metrics.json"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused_before_anything_is_registered(
    served: Any, break_it: Any, named: str
) -> None:
    break_it(served)
    with pytest.raises(MedhashError, match=named):
        promote(served.workspace, served.params("itq"))
    assert n_versions(served) == 1
    assert aliases(served)["champion"] == "lsh"
    last = read_log(served.workspace)[-1].entry
    assert (last.act, last.what["failed"]) == ("refuse", ["parts"])


def test_a_champion_of_other_data_is_measured_anew_on_the_challenger_s_queries(served: Any) -> None:
    at_release = served.figures("lsh").figures.map
    served.forget(8)
    itq = after_training(served.workspace, served.params("itq"), "itq")
    text = promote(served.workspace, served.params("itq", min_gain=1.0))
    assert "by its model, which encoded 0 new or changed images now" in text
    today = after_training(served.workspace, served.params("lsh"), "lsh")
    assert today.evaluation_digest == itq.evaluation_digest
    assert today.figures.map != at_release
    challenger = registry(served).version_of("challenger")
    assert float(challenger.tags["champion_lift"]) == pytest.approx(today.seen.lift.value, abs=1e-6)


def test_figures_about_other_images_than_lie_here_are_refused(served: Any) -> None:
    served.set_figures("itq", evaluation_digest="f" * 64)
    with pytest.raises(MedhashError, match="measured on other images"):
        promote(served.workspace, served.params("itq"))
    assert aliases(served)["champion"] == "lsh"


def test_the_champion_loads_from_the_registry_and_answers_with_the_right_neighbours(
    served: Any, tmp_path: Path
) -> None:
    import cv2
    import mlflow
    import pandas as pd

    from medhash.core.contracts import ENTRIES, read_table
    from medhash.hashing.codes import binarise
    from medhash.hashing.model import load_model

    pixels = np.load(served.workspace.pixels)
    shutil.rmtree(served.workspace.derived)  # the registered version must hold all it needs
    images = [cv2.imencode(".png", pixels[row, 0])[1].tobytes() for row in (0, 101)]
    loaded = mlflow.pyfunc.load_model("models:/medhash-nih@champion")
    answer = loaded.predict(pd.DataFrame({"image": images}), params={"k": 7})
    nearest = [json.loads(text) for text in answer["neighbours"]]

    folder = registry(served).fetch(registry(served).version_of("champion"), tmp_path / "fetched")
    model = load_model(folder / "model")
    entries = read_table(folder / "index" / "entries.parquet", ENTRIES).to_pylist()
    gallery = binarise(model.relaxed_pixels(pixels[[int(entry["bag_id"], 16) for entry in entries]]))
    names = [["Effusion"], ["Mass"], ["No Finding"], ["Effusion", "Mass"]]
    for row, found in zip((0, 101), nearest, strict=True):
        code = np.unpackbits(binarise(model.relaxed_pixels(pixels[row : row + 1]))[0])
        distances = [int((np.unpackbits(other) != code).sum()) for other in gallery]
        expected = sorted(zip(distances, [e["bag_id"] for e in entries], [e["set_id"] for e in entries], strict=True))
        assert [(a["distance"], a["bag_id"], a["labels"]) for a in found] == [
            (distance, bag_id, names[set_id]) for distance, bag_id, set_id in expected[:7]
        ]
    with pytest.raises(MedhashError, match="row 1: the image cannot be read"):
        loaded.predict(pd.DataFrame({"image": [images[0], b"not an image"]}))


def test_the_account_goes_to_the_run_that_trained_the_model(run: Any) -> None:
    client = tracking.connect(run.workspace)
    experiment = tracking.experiment(client, run.workspace, "medhash-nih")
    digest = run.figures("lsh").model_digest
    trained = client.create_run(experiment, tags={"model_digest": digest})
    client.set_terminated(trained.info.run_id)
    promote(run.workspace, run.params("lsh"))
    assert registry(run).version_of("champion").run_id == trained.info.run_id


def test_a_damaged_release_in_the_store_never_becomes_champion(run: Any) -> None:
    promote(run.workspace, run.params("lsh", max_p95_ms=0.0))  # registered, not promoted
    weights = next((run.root / "var" / "mlflow" / "artifacts").rglob("artifacts/release/model/weights.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(MedhashError, match=r"weights\.safetensors"):
        promote(run.workspace, run.params("lsh"))
    assert "champion" not in aliases(run)


def test_two_promotions_at_once_are_refused(run: Any) -> None:
    from medhash.releases.staging import staging

    with staging(run.workspace, registry(run)), pytest.raises(MedhashError, match="another promotion is under way"):
        promote(run.workspace, run.params("lsh"))
