"""Expectations of trained models: whole files, finite weights and losses, codes that have not collapsed."""

import json
import math
from pathlib import Path
from typing import Any

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd

from components.quality.inspection import Inspection
from medhash.core.errors import MedhashError
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.hashing.model import load_model


def inspect(workspace: Workspace, params: Params) -> list[Inspection]:
    """For every method: its model folder and its history. Dead bits are counted over real codes, by encode's gate."""
    return [
        inspection
        for method in params.methods
        for inspection in (
            _model(workspace, method, params.bits),
            _history(workspace.model(method), method, method in params.quality.references),
        )
    ]


def _model(workspace: Workspace, method: str, bits: int) -> Inspection:
    problem, found, broken = "", (method, bits), 0
    try:
        model = load_model(workspace.model(method))
        found = (model.spec.method, model.spec.bits)
        broken = sum(
            int((~np.isfinite(tensor)).sum())
            for tensor in model.tensors.values()
            if np.issubdtype(tensor.dtype, np.floating)
        )
    except MedhashError as error:
        problem = error.problem.replace(f"{workspace.root}/", "")
    frame = pd.DataFrame(
        {"row": [f"{method} model"], "problem": [problem], "method": [found[0]], "bits": [found[1]], "broken": [broken]}
    )
    return Inspection(
        method,
        frame,
        {
            "the model's files are whole and fit each other": gxe.ExpectColumnValuesToBeInSet(
                column="problem", value_set=[""]
            ),
            "the model is of this method": gxe.ExpectColumnValuesToBeInSet(column="method", value_set=[method]),
            "its codes have the bits of params.yaml": gxe.ExpectColumnValuesToBeInSet(column="bits", value_set=[bits]),
            "every weight is finite": gxe.ExpectColumnValuesToBeInSet(column="broken", value_set=[0]),
        },
    )


def _history(folder: Path, method: str, is_reference: bool) -> Inspection:
    """A reference's codes may collapse: it is there to show that."""
    epochs, best = _read(folder / "history.json")
    frame = pd.DataFrame(
        {
            "row": [f"{method} epoch {number + 1}" for number in range(len(epochs))],
            "finite": [bool(row) and all(_finite(value) for value in row.values()) for row in epochs],
            # the weights that were kept are the best epoch's
            "distinct_codes": [
                row.get("distinct_codes", 0) if number == best else 2 for number, row in enumerate(epochs)
            ],
        }
    )
    expected: dict[str, gxe.Expectation] = {
        "there is an epoch": gxe.ExpectTableRowCountToBeBetween(min_value=1),
        "loss, its terms and validation figures are finite": gxe.ExpectColumnValuesToBeInSet(
            column="finite", value_set=[True]
        ),
    }
    if not is_reference:
        expected["codes of the kept epoch have not collapsed into one"] = gxe.ExpectColumnValuesToBeBetween(
            column="distinct_codes", min_value=2
        )
    return Inspection(f"{method} history", frame, expected)


def _read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The rows of history.json and the number of the row whose weights were kept."""
    try:
        history = json.loads(path.read_text())
        epochs, best = list(history["epochs"]), int(history["best_epoch"])
        if epochs and not 0 <= best < len(epochs):
            raise ValueError(f"best_epoch {best} of {len(epochs)}")
        return epochs, best
    except FileNotFoundError as error:
        raise MedhashError(f"{path} does not exist", "run the stage train for this method, or `dvc repro`") from error
    except (ValueError, KeyError, TypeError) as error:
        raise MedhashError(
            f"{path} is not a history of epochs ({error})", "restore it with `dvc checkout`, or train this method again"
        ) from error


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
