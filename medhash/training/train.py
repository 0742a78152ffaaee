"""Training of one method, from the tables to its model folder."""

import shutil
from pathlib import Path
from typing import Any

from medhash.core.documents import ModelSpec
from medhash.core.errors import MedhashError
from medhash.core.files import replacing_folder, write_json
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.hashing.backbones import LITE0_SHA256, backbone_file, read_backbone
from medhash.hashing.catalogue import find_method, with_overrides
from medhash.hashing.features import needs_backbone
from medhash.hashing.method_types import DeepMethod, HeadMethod, ShallowMethod, TwoStepMethod, Unbinarised
from medhash.hashing.model import BACKBONE, save_model
from medhash.retrieval.features import require_weights
from medhash.training.data import open_features, read_data
from medhash.training.deep import OnStart, TrainingStart, train_deep
from medhash.training.processes import joined_processes
from medhash.training.shallow import train_shallow
from medhash.training.training_code import training_digest
from medhash.training.two_step import train_two_step


def train_method(
    workspace: Workspace,
    params: Params,
    name: str,
    *,
    seed: int | None = None,
    out: Path | None = None,
    on_start: OnStart | None = None,
) -> dict[str, Any] | None:
    """Train a method and write its model folder: weights, model.json, history.json.

    seed: params.seed by default; out: the workspace's folder of that model by default; on_start: `deep.OnStart`,
    called by the first process only. Returns the history as written, with the model's digest under `model_digest`; None
    in a process that is not the first.
    """
    seed, target = params.seed if seed is None else seed, out or workspace.model(name)
    method = with_overrides(find_method(name), params.train.overrides.get(name, {}))
    _require_known(params)
    if isinstance(method, ShallowMethod | Unbinarised) and name in params.train.initial_weights:
        raise MedhashError(f"{name} trains no network that train.initial_weights could start", "remove it there")
    if isinstance(method, Unbinarised):
        raise MedhashError(
            f"{name} is {method.of} before binarising, and no model of its own",
            f"train {method.of}; `medhash benchmark` measures {name} on its model",
        )
    data = read_data(workspace)
    with joined_processes(params.train.device, params.train.threads) as processes:
        if isinstance(method, ShallowMethod):
            if not processes.is_first:
                return None
            spec, weights, row = train_shallow(workspace, params, method, data, seed)
            if on_start is not None:
                digest = training_digest(method, {"spec": spec.model_dump(mode="json"), "data": data.digest})
                on_start(TrainingStart(spec, digest, []))(row, {})
            return _write(target, spec, weights, {"best_epoch": 0, "epochs": [row]})
        if isinstance(method, TwoStepMethod):
            spec, tensors, progress = train_two_step(workspace, params, method, data, seed, processes, on_start)
        else:
            carried = _backbone_of(workspace, method)
            spec, progress, _ = train_deep(workspace, params, method, data, seed, processes, on_start)
            tensors = dict(progress.best)
            tensors |= {BACKBONE + name: array for name, array in carried.items()}
        if not processes.is_first:
            return None
    return _write(
        target,
        spec,
        tensors,
        {"best_epoch": progress.best_epoch, "epochs": progress.history},
        finished=workspace.checkpoint(method.name),
    )


def _backbone_of(workspace: Workspace, method: DeepMethod) -> dict[str, Any]:
    """The tensors of the backbone that a head's model carries. Raises MedhashError if its features are missing, or of
    another."""
    if not isinstance(method, HeadMethod) or not needs_backbone(method.features):
        return {}
    open_features(workspace, method.features)  # its error names the setting
    require_weights(workspace, method.features, LITE0_SHA256)
    return read_backbone(backbone_file(workspace.backbones))


def _require_known(params: Params) -> None:
    """Raises MedhashError for an unknown method in a setting: it would change nothing, or stop a run halfway."""
    for setting, names in (
        ("methods", params.methods),
        ("quality.references", params.quality.references),
        ("train.overrides", params.train.overrides),
        ("train.initial_weights", params.train.initial_weights),
    ):
        for name in names:
            try:
                find_method(name)
            except MedhashError as error:
                raise MedhashError(f"{setting} of params.yaml: {error.problem}", error.fix) from error


def _write(
    target: Path, spec: ModelSpec, weights: dict[str, Any], history: dict[str, Any], finished: Path | None = None
) -> dict[str, Any]:
    with replacing_folder(target) as folder:
        digest = save_model(folder, spec, weights)
        write_json(folder / "history.json", history)
    if finished is not None:
        shutil.rmtree(finished, ignore_errors=True)
    return history | {"model_digest": digest}
