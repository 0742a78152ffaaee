"""Checkpoints: the state of an interrupted training, as safetensors and JSON, never a pickle."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.optim import Optimizer

from medhash.core.files import recover_folder, replacing_folder, sha256_file, write_json

_TENSORS, _STATE = "tensors.safetensors", "state.json"


def save_checkpoint(folder: Path, digest: str, state: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    """Replace the checkpoint in `folder`, whole or not at all.

    digest: of everything that decides the result of the training; state: JSON; tensors: by unique names.
    """
    with replacing_folder(folder) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary / _TENSORS)
        write_json(temporary / _STATE, {"digest": digest, "tensors": sha256_file(temporary / _TENSORS), "state": state})


def load_checkpoint(folder: Path, digest: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]] | None:
    """State and tensors of an interrupted training with the same digest; None if there is none.

    Logs a warning and ignores a checkpoint that is damaged, or of other settings, data or code.
    """
    recover_folder(folder)
    for leftover in folder.parent.glob(f".{folder.name}.*.tmp"):
        shutil.rmtree(leftover)
    if not (folder / _STATE).exists():
        return None
    log = logging.getLogger(__name__)
    try:
        document = json.loads((folder / _STATE).read_text())
        if document["digest"] != digest:
            log.warning("the checkpoint in %s is of other settings, data or code: training starts anew", folder)
            return None
        if document["tensors"] != sha256_file(folder / _TENSORS):
            raise ValueError("its tensors have changed")
        return document["state"], load_file(folder / _TENSORS)
    except (ValueError, KeyError, OSError, SafetensorError) as error:
        log.warning("the checkpoint in %s is damaged (%s): training starts anew", folder, error)
        return None


def optimizer_state(optimizer: Optimizer) -> tuple[list[dict[str, Any]], dict[str, torch.Tensor]]:
    """The optimiser's groups (JSON) and its tensors by `optimizer/PARAMETER/NAME`."""
    document = optimizer.state_dict()
    tensors = {
        f"optimizer/{index}/{name}": tensor
        for index, values in document["state"].items()
        for name, tensor in values.items()
        if tensor is not None
    }
    return document["param_groups"], tensors


def restore_optimizer(optimizer: Optimizer, groups: list[dict[str, Any]], tensors: dict[str, torch.Tensor]) -> None:
    """The inverse of `optimizer_state`."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimizer/"):
            _, index, name = key.split("/")
            state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"param_groups": groups, "state": state})
