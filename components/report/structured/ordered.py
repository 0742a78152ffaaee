"""Figures in the order of the data's attributes: a document's keys stand in alphabetical order."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from components.documents import StructuredFigures

SEEN, HELD_OUT = "seen", "held out"
"""The keys of StructuredFigures.combinations."""
Value = TypeVar("Value")


def in_order(found: StructuredFigures, attributes: Sequence[str]) -> StructuredFigures:
    """The same figures, all that is by attribute or sub-code in this order, other keys after; `seen` first."""
    return found.model_copy(
        update={
            "attributes": _sorted(found.attributes, attributes),
            "sub_codes": {name: _sorted(row, attributes) for name, row in _sorted(found.sub_codes, attributes).items()},
            "preference": _sorted(found.preference, attributes),
            "combinations": _sorted(found.combinations, (SEEN, HELD_OUT)),
            "calibration": _sorted(found.calibration, attributes),
        }
    )


def _sorted(by_name: Mapping[str, Value], order: Sequence[str]) -> dict[str, Value]:
    places = {name: place for place, name in enumerate(order)}
    return dict(sorted(by_name.items(), key=lambda item: places.get(item[0], len(places))))
