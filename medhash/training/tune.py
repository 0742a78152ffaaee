"""Tuning of one method on validation patients: a resumable study with a fixed number of trainings."""

import tempfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from medhash.core.errors import MedhashError
from medhash.core.files import sha256_files
from medhash.core.params import Params
from medhash.core.tracking import answered, connect, experiment
from medhash.core.workspace import Workspace
from medhash.hashing.catalogue import find_method
from medhash.hashing.method_types import DeepMethod, HeadMethod
from medhash.hashing.networks.features import FeatureSettings
from medhash.training.deep import epochs_of
from medhash.training.search_spaces import Range, search_space
from medhash.training.train import train_method

if TYPE_CHECKING:
    import optuna
    from mlflow import MlflowClient

Setting = int | float


class Trial(NamedTuple):
    """One training: its settings beside the method's own, and the validation figure of its best epoch."""

    number: int
    settings: dict[str, Setting]
    value: float


def tune(
    workspace: Workspace, params: Params, name: str, n_trials: int, on_trial: Callable[[Trial], None] = lambda _: None
) -> list[Trial]:
    """Train with other settings until the study has n_trials; all its trials, best first.

    The first trial is the method as it stands. The figure is that of params.choose_by, on validation patients; test
    patients play no part. The study is kept in var/tune, by method, data and figure, so that a second call goes on.
    Each trial is a run in MLflow under the study's. Sampling is by Optuna's TPE, seeded by params.seed.
    Raises MedhashError for a method without a network, or without a validation figure.
    """
    import optuna

    method = find_method(name)
    if not isinstance(method, DeepMethod):
        raise MedhashError(f"{name} has no settings to tune", "choose a method that trains a network or a head")
    space = search_space(method)
    study = _study(workspace, params, name)
    if not study.trials:
        study.enqueue_trial(_as_it_stands(method, params, space))
    client = connect(workspace)
    parent = _parent(client, workspace, params, study)

    def figure(trial: "optuna.Trial") -> float:
        settings = {key: _suggested(trial, key, space[key]) for key in space}
        value = _trained(workspace, params, name, settings)
        _log(client, parent, trial.number, settings, value, params.choose_by)
        on_trial(Trial(trial.number, settings, value))
        return value

    finished = sum(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials)
    study.optimize(figure, n_trials=max(0, n_trials - finished))
    done = [
        Trial(trial.number, dict(trial.params), float(trial.value))
        for trial in study.trials
        if trial.state == optuna.trial.TrialState.COMPLETE and trial.value is not None
    ]
    return sorted(done, key=lambda trial: (-trial.value, trial.number))


def overrides_text(name: str, trial: Trial) -> str:
    """The block of params.yaml that makes the settings the method's."""
    lines = [f"      {key}: {value:.4g}" for key, value in sorted(trial.settings.items())]
    return "\n".join(["train:", "  overrides:", f"    {name}:", *lines])


def _study(workspace: Workspace, params: Params, name: str) -> "optuna.Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = workspace.state / "tune"
    folder.mkdir(parents=True, exist_ok=True)
    data = sha256_files([workspace.split, workspace.labels, workspace.images])[:16]
    study = optuna.create_study(
        storage=f"sqlite:///{folder / name}.db",
        study_name=f"{name} {params.bits} bits, {params.choose_by}, data {data}",
        direction="maximize",
        load_if_exists=True,
    )
    # A study that goes on must not draw again what it drew before.
    study.sampler = optuna.samplers.TPESampler(seed=params.seed + len(study.trials))
    return study


def _as_it_stands(method: DeepMethod, params: Params, space: dict[str, Range]) -> dict[str, Setting]:
    """The method's own values of the settings in the space, moved into their ranges."""
    own: dict[str, object] = {**vars(method.objective), **vars(method.recipe), "epochs": epochs_of(method, params)}
    if isinstance(method, HeadMethod):
        names = {field.name for field in fields(FeatureSettings)}
        settings: dict[str, Any] = {key: value for key, value in method.network.items() if key in names}
        own |= vars(FeatureSettings(**settings))
    return {
        key: min(max(value, span.low), span.high)
        for key, span in space.items()
        if isinstance(value := own.get(key), int | float)
    }


def _suggested(trial: "optuna.Trial", key: str, span: Range) -> Setting:
    if isinstance(span.low, int) and isinstance(span.high, int):
        return trial.suggest_int(key, span.low, span.high, log=span.log)
    return trial.suggest_float(key, span.low, span.high, log=span.log)


def _trained(workspace: Workspace, params: Params, name: str, settings: dict[str, Setting]) -> float:
    own = params.train.overrides.get(name, {})
    train = params.train.model_copy(update={"overrides": params.train.overrides | {name: {**own, **settings}}})
    with tempfile.TemporaryDirectory() as folder:
        history = train_method(workspace, params.model_copy(update={"train": train}), name, out=Path(folder) / "model")
    assert history is not None
    column = f"val_{params.choose_by}"
    kept = history["epochs"][history["best_epoch"]]
    if column not in kept:
        raise MedhashError(
            f"{name} has no validation {params.choose_by} to tune by",
            "give the val fold patients (split.val_share), then run the stages up to features again",
        )
    return float(kept[column])


def _parent(client: "MlflowClient", workspace: Workspace, params: Params, study: "optuna.Study") -> str:
    """The study's run in MLflow, made with its first trial."""
    known = study.user_attrs.get("mlflow_run")
    if known is not None:
        return str(known)
    with answered():
        experiment_id = experiment(client, workspace, params.promote.name)
        run = client.create_run(experiment_id, run_name=f"tune {study.study_name}", tags={"kind": "tune"})
        client.set_terminated(run.info.run_id)
    study.set_user_attr("mlflow_run", run.info.run_id)
    return str(run.info.run_id)


def _log(
    client: "MlflowClient", parent: str, number: int, settings: dict[str, Setting], value: float, chosen_by: str
) -> None:
    with answered():
        experiment_id = client.get_run(parent).info.experiment_id
        tags = {"mlflow.parentRunId": parent, "kind": "tune"}
        run_id = client.create_run(experiment_id, run_name=f"trial {number}", tags=tags).info.run_id
        for key, setting in settings.items():
            client.log_param(run_id, key, setting)
        client.log_metric(run_id, f"validation_{chosen_by}", value)
        client.set_terminated(run_id)
