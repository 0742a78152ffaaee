"""Who asks in a decision: the test patients whose turn it is, without those that either model was trained on."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from medhash.core.contracts import RELEASED, read_table
from medhash.core.errors import MedhashError
from medhash.core.files import write_json
from medhash.core.workspace import Workspace
from medhash.releases.release import IMAGES_FILE
from medhash.retrieval.code_table import PlacedCodes
from medhash.retrieval.index import GALLERY_FOLDS

_EPOCH = date(1970, 1, 1)


class Turn(NamedTuple):
    """The turn of a day: G groups of patients, one asked for so many days."""

    number: int
    """Turns since 1970-01-01."""
    n_groups: int
    days: int
    first: int = 0
    """Number of the turn in which this machine decided first."""

    @property
    def group(self) -> int:
        """(number - first) mod G: 0 … G - 1. The first decision asks group 0, whatever its date."""
        return (self.number - self.first) % self.n_groups

    @property
    def first_day(self) -> date:
        return _EPOCH + timedelta(days=self.number * self.days)

    @property
    def last_day(self) -> date:
        return self.first_day + timedelta(days=self.days - 1)

    def next_of(self, group: int) -> "Turn":
        """The turn of this group that is on or comes first."""
        return self._replace(number=self.number + (group - self.group) % self.n_groups)


def turn_of(today: date, n_groups: int, days: int, usage: "QueryUsage") -> Turn:
    """⌊days since 1970-01-01 / days of a turn⌋. usage: the decisions before this one."""
    number = (today - _EPOCH).days // days
    return Turn(number, n_groups, days, min(_turns(usage), default=number))


def decision_name(model: str, version: str, turn: Turn) -> str:
    """How a decision is named in QueryUsage, such as `medhash-nih 3, turn 2954`."""
    return f"{model} {version}, turn {turn.number}"


def _turns(usage: "QueryUsage") -> Iterator[int]:
    for decisions in usage.values():
        for decision in decisions:
            if found := re.search(r", turn (\d+)$", decision):
                yield int(found[1])


def group_of(patient: str, n_groups: int, seed: int) -> int:
    """Group 0 … n_groups - 1 of a patient, by a hash of seed and pseudonym: the same whoever else comes or leaves."""
    digest = hashlib.sha256(f"query group\0{seed}\0{patient}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % n_groups


def groups_of(patients: np.ndarray | list[str], n_groups: int, seed: int) -> np.ndarray:
    """The group of each patient, int64, (N,); a patient may occur several times."""
    known, position = np.unique(patients, return_inverse=True)
    groups = np.array([group_of(str(patient), n_groups, seed) for patient in known], np.int64)
    return groups[position] if len(known) else np.zeros(0, np.int64)


QueryUsage = dict[str, list[str]]
"""Pseudonym of a test patient → the decisions that asked the patient's images, by `decision_name`."""


class GroupUsage(NamedTuple):
    """How worn one group of test patients is: how often its patients were asked."""

    group: int
    n_patients: int
    least: int
    median: float
    most: int


def read_query_usage(workspace: Workspace) -> QueryUsage:
    """As they stand; empty where there was no decision yet. Raises MedhashError if the file is damaged."""
    path = workspace.query_uses
    if not path.exists():
        return {}
    try:
        return TypeAdapter(QueryUsage).validate_json(path.read_bytes())
    except ValidationError as error:
        raise MedhashError(
            f"{path} is damaged: {error.errors()[0]['msg']}",
            "restore it from a backup: it counts how often each test patient was used",
        ) from error


def with_decision(usage: QueryUsage, patients: Iterable[str], decision: str) -> QueryUsage:
    """The usage once these patients were asked in this decision; a decision counts once."""
    asked = set(patients)
    return {
        patient: sorted({*usage.get(patient, []), *([decision] if patient in asked else [])})
        for patient in sorted(usage.keys() | asked)
    }


def write_query_usage(workspace: Workspace, usage: QueryUsage) -> None:
    write_json(workspace.query_uses, usage)


def usage_by_group(usage: QueryUsage, patients: list[str], groups: np.ndarray, n_groups: int) -> list[GroupUsage]:
    """Least, median and greatest number of decisions per group, over today's test patients, each once."""
    counts = np.array([len(usage.get(patient, [])) for patient in patients], np.int64)
    found = []
    for group in range(n_groups):
        of_group = counts[groups == group]
        found.append(
            GroupUsage(
                group,
                len(of_group),
                int(of_group.min(initial=of_group.max(initial=0))),
                float(np.median(of_group)) if len(of_group) else 0.0,
                int(of_group.max(initial=0)),
            )
        )
    return found


class EligibleQueries(NamedTuple):
    """Which of the test cases ask, and how many could not."""

    mask: np.ndarray
    """bool, (Q,): over all test cases, in bag_id order."""
    n_trained_on: int
    """Cases whose turn it is, but of patients that one of the two models has seen in training."""
    n_patients_trained_on: int


def eligible_queries(queries: PlacedCodes, turn: Turn, seed: int, trained_on: set[str]) -> EligibleQueries:
    """queries: all test cases. trained_on: patients of the train and val folds of either release."""
    whose_turn = groups_of(queries.patient_ids, turn.n_groups, seed) == turn.group
    seen = np.isin(queries.patient_ids, sorted(trained_on))
    return EligibleQueries(
        whose_turn & ~seen, int((whose_turn & seen).sum()), len(np.unique(queries.patient_ids[whose_turn & seen]))
    )


def patients_trained_on(release: Path) -> set[str]:
    """Patients that stood in train or val when the release was made, whatever their fold is today."""
    images = read_table(release / IMAGES_FILE, RELEASED)
    kept = np.isin(images["fold"].to_numpy(), GALLERY_FOLDS) & images["at_training"].to_numpy()
    return set(images.filter(kept)["patient_id"].to_pylist())
