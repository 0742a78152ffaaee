"""How often each test patient was asked in a decision, counted once per decision, however often it is run again."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from components.errors import MedhashError
from components.files import write_json
from components.workspace import Workspace

Uses = dict[str, list[str]]
"""Pseudonym of a test patient → the decisions that asked the patient's images, such as `medhash-nih 3, turn 2954`."""


class GroupUse(NamedTuple):
    """How worn one group of test patients is: how often its patients were asked."""

    group: int
    n_patients: int
    least: int
    median: float
    most: int


def read_uses(workspace: Workspace) -> Uses:
    """As they stand; empty where there was no decision yet. Raises MedhashError if the file is damaged."""
    path = workspace.query_uses
    if not path.exists():
        return {}
    try:
        return TypeAdapter(Uses).validate_json(path.read_bytes())
    except ValidationError as error:
        raise MedhashError(
            f"{path} is damaged: {error.errors()[0]['msg']}",
            "restore it from a backup; without it nobody knows how often each test patient was asked",
        ) from error


def with_decision(uses: Uses, patients: Iterable[str], decision: str) -> Uses:
    """The uses once these patients were asked in this decision; a decision counts once."""
    asked = set(patients)
    return {
        patient: sorted({*uses.get(patient, []), *([decision] if patient in asked else [])})
        for patient in sorted(uses.keys() | asked)
    }


def write_uses(workspace: Workspace, uses: Uses) -> None:
    write_json(workspace.query_uses, uses)


def use_by_group(uses: Uses, patients: list[str], groups: np.ndarray, n_groups: int) -> list[GroupUse]:
    """Least, median and greatest number of decisions per group, over today's test patients, each once."""
    counts = np.array([len(uses.get(patient, [])) for patient in patients], np.int64)
    found = []
    for group in range(n_groups):
        of_group = counts[groups == group]
        found.append(
            GroupUse(
                group,
                len(of_group),
                int(of_group.min(initial=of_group.max(initial=0))),
                float(np.median(of_group)) if len(of_group) else 0.0,
                int(of_group.max(initial=0)),
            )
        )
    return found
