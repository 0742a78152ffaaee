"""What a fuzzy method makes of cases: memberships in each attribute's values, and the rules that fired, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.contracts import FULL_CONFIDENCE
from components.documents import Attribute
from components.errors import MedhashError
from components.hashing.bags import starts_of
from components.hashing.certainty import Certainty

N_EXAMPLES = 6
MOST_VALUES, MOST_RULES, LEAST_LEVEL = 4, 3, 0.05
"""Values of an attribute and rules that are shown, and the firing level below which only the first rule is."""


def surest_and_least_sure(certainty: Certainty, attributes: Sequence[Attribute], n: int = N_EXAMPLES) -> list[int]:
    """Rows of the cases to show: half of them the surest, half the least sure, the surest first.

    How sure a case is, is the least of its attributes' greatest memberships.
    """
    sureness = np.min([part.max(axis=1) for part in _by_attribute(certainty, attributes).values()], axis=0)
    ordered: list[int] = np.argsort(-sureness, kind="stable").tolist()
    return ordered if len(ordered) <= n else ordered[: (n + 1) // 2] + ordered[len(ordered) - n // 2 :]


def explain(
    certainty: Certainty,
    rules: Sequence[str],
    attributes: Sequence[Attribute],
    rows: Sequence[int],
    truths: Sequence[Mapping[str, set[str]]],
) -> list[dict[str, Any]]:
    """Of each row `attributes`: the values of greatest membership and the case's own; `rules`: those that fired most.

    rules: in words, in the order of Certainty.firing; truths: of each row, attribute → its values, none of an
    attribute that is not known. Raises MedhashError where there are not as many rules as firing levels.
    """
    if certainty.firing is None or certainty.firing.shape[1] != len(rules):
        n_levels = 0 if certainty.firing is None else certainty.firing.shape[1]
        raise MedhashError(f"a model has {len(rules)} rules, but {n_levels} firing levels", "train the model again")
    memberships = _by_attribute(certainty, attributes)
    return [
        {
            "attributes": [
                _memberships(attribute, memberships[attribute.name][row], truth.get(attribute.name, set()))
                for attribute in attributes
            ],
            "rules": _fired(certainty.firing[row], rules),
            "bits": float(certainty.bits[row].mean()) / FULL_CONFIDENCE,
        }
        for row, truth in zip(rows, truths, strict=True)
    ]


def _memberships(attribute: Attribute, shares: np.ndarray, truth: set[str]) -> dict[str, Any]:
    ordered = np.argsort(-shares, kind="stable").tolist()
    shown = [place for rank, place in enumerate(ordered) if rank < MOST_VALUES or attribute.values[place] in truth]
    return {
        "name": attribute.name,
        "is_known": bool(truth),
        "memberships": [
            {
                "value": attribute.values[place],
                "share": float(shares[place]),
                "is_true": attribute.values[place] in truth,
            }
            for place in shown
        ],
    }


def _fired(levels: np.ndarray, rules: Sequence[str]) -> list[dict[str, Any]]:
    ordered = np.argsort(-levels, kind="stable")[:MOST_RULES].tolist()
    return [
        {"text": rules[place], "level": float(levels[place])}
        for rank, place in enumerate(ordered)
        if rank == 0 or levels[place] >= LEAST_LEVEL
    ]


def _by_attribute(certainty: Certainty, attributes: Sequence[Attribute]) -> dict[str, np.ndarray]:
    """Attribute → memberships in its values, (n, its values)."""
    n_values = sum(len(attribute.values) for attribute in attributes)
    if certainty.membership is None or certainty.membership.shape[1] != n_values:
        raise MedhashError(
            f"a model tells no memberships in the {n_values} values of its attributes", "train the model again"
        )
    starts = starts_of(np.array([len(attribute.values) for attribute in attributes], np.int64))
    return {
        attribute.name: certainty.membership[:, start:stop]
        for attribute, start, stop in zip(attributes, starts[:-1], starts[1:], strict=True)
    }
