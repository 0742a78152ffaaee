"""The words of an answer about attributes: what was asked for, what the query is, and columns for its neighbours."""

from collections.abc import Sequence

from components.index.preference import LEAVE_OUT, Preference
from components.promote.case_attributes import confidence_of
from components.promote.loaded import Found
from components.query.answer import Answer

_LEAST_SHOWN, _MOST_SHOWN = 0.01, 3
"""Of an attribute's memberships: the smallest that is shown, and how many are."""
_LEFT_MARGIN = 2


def asked_for(preference: Preference) -> list[str]:
    """A line for each thing that a preference says."""
    lines = []
    weights = ", ".join(f"{name} × {float(weight):g}" for name, weight in preference.weights)
    if preference.prefer:
        rest = f"the rest ({weights})" if weights else "the rest"
        lines.append("nearest by " + ", then ".join([*preference.prefer, rest]))
    elif weights:
        lines.append(f"distances weighed: {weights}, others × 1")
    if preference.require:
        lines.append("only cases with " + ", ".join(f"{name} {value}" for name, value in preference.require))
    if preference.min_confidence is not None:
        what = "left out" if preference.below == LEAVE_OUT else "marked ?"
        lines.append(f"cases of less confidence than {preference.min_confidence:g}: {what}")
    return lines


def query_lines(reply: Answer) -> list[str]:
    """The query's greatest memberships, a line per attribute; and whether it is below the confidence asked for."""
    lines = []
    for attribute, of_values in reply.memberships.items():
        greatest = sorted(of_values.items(), key=lambda item: -item[1])[:_MOST_SHOWN]
        shown = ", ".join(
            f"{value} {membership:.2f}"
            for place, (value, membership) in enumerate(greatest)
            if place == 0 or membership >= _LEAST_SHOWN
        )
        lines.append(f"the query's {attribute}: {shown}")
    preference = reply.preference or Preference()
    confidence = confidence_of(reply.memberships, preference.prefer)
    if confidence is not None and preference.min_confidence is not None and confidence < preference.min_confidence:
        lines.append(f"note: the query itself is of less confidence: {confidence:.2f}")
    return lines


def header(neighbours: Sequence[Found]) -> str:
    """The names of the columns of `columns`, each as wide as it must be; empty where there are none."""
    names = _sub_codes(neighbours)
    return "".join(name.ljust(len(name) + _LEFT_MARGIN) for name in [*names, *_confidence_column(neighbours)])


def columns(neighbour: Found, neighbours: Sequence[Found]) -> str:
    """Bits by sub-code, and the confidence, with a ? where it is too low, of one of the neighbours."""
    cells = {name: str(neighbour.by_sub_code[name]) for name in _sub_codes(neighbours)}
    for name in _confidence_column(neighbours):
        cells[name] = confidence_text(neighbour) or "–"
    return "".join(cell.ljust(len(name) + _LEFT_MARGIN) for name, cell in cells.items())


def confidence_text(neighbour: Found) -> str:
    """0.83, or 0.43 ? where it is below what was asked for; empty where nothing is known or asked."""
    known = f"{neighbour.confidence:.2f}" if neighbour.confidence is not None else ""
    return f"{known} ?".strip() if neighbour.unsure else known


def caption(neighbour: Found) -> str:
    """Bits by sub-code and the confidence, as a tile of the contact sheet tells them; empty where there are none."""
    told = [f"{name} {distance}" for name, distance in neighbour.by_sub_code.items()]
    confidence = confidence_text(neighbour)
    return _unbroken([*told, *([f"confidence {confidence}"] if confidence else [])])


def query_caption(memberships: dict[str, dict[str, float]]) -> str:
    """The query's value of greatest membership in each attribute; empty where nothing is known."""
    return _unbroken(
        [
            f"{max(of_values, key=lambda value: of_values[value])} {max(of_values.values()):.2f}"
            for of_values in memberships.values()
        ]
    )


def _unbroken(told: list[str]) -> str:
    """With spaces that no line ends at within each of them."""
    return ", ".join(one.replace(" ", "\u00a0") for one in told)


def _sub_codes(neighbours: Sequence[Found]) -> list[str]:
    return list(neighbours[0].by_sub_code) if neighbours else []


def _confidence_column(neighbours: Sequence[Found]) -> list[str]:
    return ["confidence"] if any(confidence_text(neighbour) for neighbour in neighbours) else []
