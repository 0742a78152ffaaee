"""Which test patients ask in a decision: they are dealt into groups that take turns, so that no decision wears out all.

Every decision that looks at a patient's figures makes the next one a little less honest about that patient: what was
chosen by them fits them. With G groups, each is asked in every G-th turn only.
"""

import hashlib
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

_EPOCH = date(1970, 1, 1)


class Turn(NamedTuple):
    """The turn of a day: G groups of patients, one asked for so many days."""

    number: int
    """Turns since 1970-01-01."""
    n_groups: int
    days: int

    @property
    def group(self) -> int:
        """number mod G: 0 … G - 1."""
        return self.number % self.n_groups

    @property
    def first_day(self) -> date:
        return _EPOCH + timedelta(days=self.number * self.days)

    @property
    def last_day(self) -> date:
        return self.first_day + timedelta(days=self.days - 1)

    def next_of(self, group: int) -> "Turn":
        """The turn of this group that is on or comes first."""
        return self._replace(number=self.number + (group - self.group) % self.n_groups)


def turn_of(today: date, n_groups: int, days: int) -> Turn:
    """⌊days since 1970-01-01 / days of a turn⌋."""
    return Turn((today - _EPOCH).days // days, n_groups, days)


def group_of(patient: str, n_groups: int, seed: int) -> int:
    """Group 0 … n_groups - 1 of a patient, by a hash of seed and pseudonym: the same whoever else comes or leaves."""
    digest = hashlib.sha256(f"query group\0{seed}\0{patient}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % n_groups


def groups_of(patients: np.ndarray | list[str], n_groups: int, seed: int) -> np.ndarray:
    """The group of each patient, int64, (N,); patients may stand in it several times."""
    known, position = np.unique(patients, return_inverse=True)
    groups = np.array([group_of(str(patient), n_groups, seed) for patient in known], np.int64)
    return groups[position] if len(known) else np.zeros(0, np.int64)
