"""Promotion against a real MLflow store: who becomes champion, and what an interruption or a broken part leaves."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from promote.finished import after_training

from components import tracking
from components.errors import MedhashError
from components.params import QualityParams
from components.promote.promote import promote
from components.promote.registry import Registry
from components.promote.release import check_release


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
        "codes.parquet", "images.parquet", "index", "labels.json", "metrics.json", "model", "params.yaml",
        "profile.json", "release.json"]
    assert check_release(folder).model_digest == run.figures("lsh").model_digest
    assert champion.tags["decision"] == "promoted"
    assert float(champion.tags["map"]) == pytest.approx(run.figures("lsh").figures.map, abs=1e-6)
    assert champion.tags["evaluation_digest"] == run.figures("lsh").evaluation_digest
    logged = registry(run).client.list_artifacts(champion.run_id, "promotion")
    assert [item.path for item in logged] == ["promotion/version-1.md"]
    assert "version 1 is promoted" in text
    assert not (run.workspace.state / "promotion" / "desk").exists()
    assert not [path for path in folder.parent.parent.rglob("*") if path.suffix in (".pkl", ".pickle")]


def test_a_first_model_at_chance_is_registered_but_nothing_serves(run: Any) -> None:
    run.set_figures("lsh", test_map=0.4, chance=0.4)
    assert "not above chance" in promote(run.workspace, run.params("lsh"))
    assert aliases(run) == {"challenger": "lsh"}


@pytest.mark.parametrize(("gain", "min_gain", "promoted"), [
    (0.05, 0.04, True), (0.05, 0.06, False), (0.0, 0.0, False)])
def test_a_challenger_replaces_the_champion_only_by_more_than_the_least_gain(served: Any, gain: float, min_gain: float,
                                                                            promoted: bool) -> None:
    served.set_figures("itq", test_map=served.figures("lsh").figures.map + gain)
    text = promote(served.workspace, served.params("itq", min_gain=min_gain))
    assert aliases(served) == ({"champion": "itq", "challenger": "itq", "previous": "lsh"} if promoted
                            else {"champion": "lsh", "challenger": "itq"})
    assert ("is promoted" in text) == promoted
    assert registry(served).version_of("challenger").tags["decision"] == ("promoted" if promoted else "not promoted")


def test_the_challenger_is_chosen_on_validation_patients_not_on_test(run: Any) -> None:
    run.set_figures("lsh", validation_map=0.9, test_map=0.6)
    run.set_figures("itq", validation_map=0.8, test_map=0.99)
    promote(run.workspace, run.params("itq", "lsh"))
    assert aliases(run)["champion"] == "lsh"


def test_without_a_validation_figure_nothing_is_promoted(run: Any) -> None:
    run.set_figures("itq", validation_map=None, validation_chance=None)
    with pytest.raises(MedhashError, match="itq has no validation MAP") as refused:
        promote(run.workspace, run.params("lsh", "itq"))
    assert "split.val_share above 0" in refused.value.fix
    assert aliases(run) == {}


def test_a_reference_is_never_promoted_however_well_it_does(run: Any) -> None:
    run.set_figures("lsh", validation_map=0.9, test_map=0.6)
    run.set_figures("itq", validation_map=0.8, test_map=0.99)
    params = run.params("itq", "lsh")
    only = params.model_copy(update={"quality": QualityParams(references=["lsh"])})
    promote(run.workspace, only)
    assert aliases(run)["champion"] == "itq"
    with pytest.raises(MedhashError, match=r"every method .* is a reference"):
        promote(run.workspace, params.model_copy(update={"quality": QualityParams(references=["lsh", "itq"])}))


def test_promoting_the_same_run_again_changes_nothing(served: Any) -> None:
    assert "Nothing to do" in promote(served.workspace, served.params("lsh"))
    served.set_figures("itq", test_map=0.0)
    for _ in range(2):
        promote(served.workspace, served.params("itq"))
    assert n_versions(served) == 2
    assert aliases(served) == {"champion": "lsh", "challenger": "itq"}


@pytest.mark.parametrize(("write", "nth"), [
    ("create_model_version", 1), ("set_registered_model_alias", 1), ("set_model_version_tag", 2), ("log_text", 1),
    ("set_registered_model_alias", 2), ("set_registered_model_alias", 3)])
def test_a_kill_at_any_write_leaves_the_old_champion_and_running_again_completes(
        served: Any, monkeypatch: pytest.MonkeyPatch, write: str, nth: int) -> None:
    from mlflow import MlflowClient
    served.set_figures("itq", test_map=0.99)
    original, calls = getattr(MlflowClient, write), []

    def killed(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == nth:
            raise SystemExit(137)
        return original(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, write, killed)
        with pytest.raises(SystemExit):
            promote(served.workspace, served.params("itq"))
    assert aliases(served)["champion"] == "lsh"
    promote(served.workspace, served.params("itq"))
    assert aliases(served) == {"champion": "itq", "challenger": "itq", "previous": "lsh"}
    assert n_versions(served) == 2


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


@pytest.mark.parametrize(("break_it", "named"), [
    (_widen, "holds codes of 16 bits"), (_another_model, "comes from model"), (_another_index, "built from another"),
    (_flip, "weights.safetensors"), (_old_figures, "metrics.json")])
def test_parts_that_do_not_belong_together_are_refused_before_anything_is_registered(served: Any, break_it: Any,
                                                                                     named: str) -> None:
    break_it(served)
    with pytest.raises(MedhashError, match=named):
        promote(served.workspace, served.params("itq"))
    assert n_versions(served) == 1
    assert aliases(served)["champion"] == "lsh"


def test_a_champion_of_other_data_is_measured_anew_on_the_challenger_s_queries(served: Any) -> None:
    at_release = served.figures("lsh").figures.map
    served.forget(8)
    itq = after_training(served.workspace, served.params("itq"), "itq")
    promote(served.workspace, served.params("itq", min_gain=1.0))
    today = after_training(served.workspace, served.params("lsh"), "lsh")
    assert today.evaluation_digest == itq.evaluation_digest
    assert today.figures.map != at_release
    challenger = registry(served).version_of("challenger")
    assert float(challenger.tags["champion_map"]) == pytest.approx(today.figures.map, abs=1e-6)


def test_figures_about_other_images_than_lie_here_are_refused(served: Any) -> None:
    served.set_figures("itq", evaluation_digest="f" * 64)
    with pytest.raises(MedhashError, match="about other images"):
        promote(served.workspace, served.params("itq"))
    assert aliases(served)["champion"] == "lsh"


def test_the_champion_loads_from_the_registry_and_answers_with_the_right_neighbours(served: Any,
                                                                                    tmp_path: Path) -> None:
    import cv2
    import mlflow
    import pandas as pd

    from components.contracts import ENTRIES, read_table
    from components.hashing.codes import binarise
    from components.hashing.model import load_model
    pixels = np.load(served.workspace.pixels)
    shutil.rmtree(served.workspace.derived)                    # the registered version must hold all it needs
    images = [cv2.imencode(".png", pixels[row, 0])[1].tobytes() for row in (0, 101)]
    loaded = mlflow.pyfunc.load_model("models:/medhash-nih@champion")
    answer = loaded.predict(pd.DataFrame({"image": images}), params={"k": 7})
    nearest = [json.loads(text) for text in answer["neighbours"]]

    folder = registry(served).fetch(registry(served).version_of("champion"), tmp_path / "fetched")
    model = load_model(folder / "model")
    entries = read_table(folder / "index" / "entries.parquet", ENTRIES).to_pylist()
    gallery = binarise(model.relaxed_pixels(pixels[[int(entry["image_id"], 16) for entry in entries]]))
    names = [["Effusion"], ["Mass"], ["No Finding"], ["Effusion", "Mass"]]
    for row, found in zip((0, 101), nearest, strict=True):
        code = np.unpackbits(binarise(model.relaxed_pixels(pixels[row:row + 1]))[0])
        distances = [int((np.unpackbits(other) != code).sum()) for other in gallery]
        expected = sorted(zip(distances, [e["image_id"] for e in entries], [e["set_id"] for e in entries], strict=True))
        assert [(a["distance"], a["image_id"], a["labels"]) for a in found] == [
            (distance, image_id, names[set_id]) for distance, image_id, set_id in expected[:7]]
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
    run.set_figures("lsh", test_map=0.4, chance=0.4)
    promote(run.workspace, run.params("lsh"))               # registered, not promoted
    weights = next((run.root / "var" / "mlflow" / "artifacts").rglob("artifacts/release/model/weights.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    run.set_figures("lsh", chance=0.1)
    with pytest.raises(MedhashError, match=r"weights\.safetensors"):
        promote(run.workspace, run.params("lsh"))
    assert "champion" not in aliases(run)


def test_two_promotions_at_once_are_refused(run: Any) -> None:
    from components.promote.desk import desk
    with desk(run.workspace, registry(run)), pytest.raises(MedhashError, match="another promotion is under way"):
        promote(run.workspace, run.params("lsh"))
