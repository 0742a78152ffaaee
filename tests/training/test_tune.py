"""Tuning: a seeded study on validation patients that goes on where it stopped."""

import pytest
import yaml
from builders import small_workspace

from medhash.core import tracking
from medhash.core.errors import MedhashError
from medhash.core.params import Params, TrainParams
from medhash.hashing.catalogue import CATALOGUE, with_overrides
from medhash.hashing.method_types import DeepMethod
from medhash.training.search_spaces import search_space
from medhash.training.tune import Trial, overrides_text, tune

PARAMS = Params(
    methods=["drh-18"],
    size_px=16,
    bits=16,
    train=TrainParams(epochs=1, threads=1, device="cpu", overrides={"drh-18": {"batch_size": 24}}),
)


def test_a_study_goes_on_keeps_what_it_tried_and_begins_with_the_method_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    workspace = small_workspace(tmp_path, size_px=16)
    told: list[Trial] = []
    first = tune(workspace, PARAMS, "drh-18", 2, told.append)
    assert [trial.number for trial in told] == [0, 1]
    assert told[0].settings["learning_rate"] == CATALOGUE["drh-18"].recipe.learning_rate
    assert told[1].settings != told[0].settings
    both = tune(workspace, PARAMS, "drh-18", 3, told.append)
    assert [trial.number for trial in told] == [0, 1, 2]
    assert all(trial in both for trial in first)
    assert told[2].settings not in (told[0].settings, told[1].settings)
    assert [trial.value for trial in both] == sorted((trial.value for trial in both), reverse=True)
    assert tune(workspace, PARAMS, "drh-18", 3, told.append) == both
    assert len(told) == 3
    client = tracking.connect(workspace)
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()], "tags.kind = 'tune'")
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(runs) == 4
    assert {run.data.metrics["validation_lift"] for run in children} == {trial.value for trial in both}
    assert not workspace.model("drh-18").exists()  # nothing that the pipeline reads is written


@pytest.mark.parametrize("name", [name for name, method in CATALOGUE.items() if isinstance(method, DeepMethod)])
def test_every_range_is_of_a_setting_that_may_be_overridden(name):
    method = CATALOGUE[name]
    for key, span in search_space(method).items():
        for value in (span.low, span.high):
            with_overrides(method, {key: value})


def test_the_printed_block_is_accepted_as_settings():
    text = overrides_text("drh-head", Trial(3, {"learning_rate": 0.001, "pca": 48, "dropout": 0.25}, 0.1))
    params = Params.model_validate({"methods": ["drh-head"]} | yaml.safe_load(text))
    found = with_overrides(CATALOGUE["drh-head"], params.train.overrides["drh-head"])
    assert (found.recipe.learning_rate, found.network["pca"], found.network["dropout"]) == (0.001, 48, 0.25)


def test_a_method_without_a_network_has_nothing_to_tune(tmp_path):
    with pytest.raises(MedhashError, match="itq has no settings to tune"):
        tune(small_workspace(tmp_path), PARAMS, "itq", 1)
