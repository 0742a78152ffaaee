"""A clause of the rule: whether it held, why, and what to do where it did not."""

from typing import NamedTuple

ROUNDING = 1e-9
"""Figures nearer to a limit than this lie on it: sums of floats may differ in the last digits."""


class Clause(NamedTuple):
    name: str
    held: bool
    why: str
    """What was found beside what was asked for, in words."""
    fix: str = ""
    """What a person can do where the clause did not hold."""
