"""An answer in words: what answered, a line per neighbour, and one for the time."""

from collections.abc import Sequence

from medhash.releases.searcher.answer import Answer, Neighbour
from medhash.releases.searcher.case_attributes import confidence_of
from medhash.retrieval.preference import LEAVE_OUT, Preference

_LEAST_SHOWN, _MOST_SHOWN = 0.01, 3
"""Of an attribute's memberships: the smallest that is shown, and how many are."""
_LEFT_MARGIN = 2


def format_preference(preference: Preference) -> list[str]:
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


def header(neighbours: Sequence[Neighbour]) -> str:
    """The names of the columns of `columns`, each as wide as it must be; empty where there are none."""
    names = _sub_codes(neighbours)
    return "".join(name.ljust(len(name) + _LEFT_MARGIN) for name in [*names, *_confidence_column(neighbours)])


def columns(neighbour: Neighbour, neighbours: Sequence[Neighbour]) -> str:
    """Bits by sub-code, and the confidence, with a ? where it is too low, of one of the neighbours."""
    cells = {name: str(neighbour.by_sub_code[name]) for name in _sub_codes(neighbours)}
    for name in _confidence_column(neighbours):
        cells[name] = confidence_text(neighbour) or "–"
    return "".join(cell.ljust(len(name) + _LEFT_MARGIN) for name, cell in cells.items())


def confidence_text(neighbour: Neighbour) -> str:
    """0.83, or 0.43 ? where it is below what was asked for; empty where nothing is known or asked."""
    known = f"{neighbour.confidence:.2f}" if neighbour.confidence is not None else ""
    return f"{known} ?".strip() if neighbour.unsure else known


def caption(neighbour: Neighbour) -> str:
    """Bits by sub-code and the confidence, as a tile of the contact sheet tells them; empty where there are none."""
    parts = [f"{name} {distance}" for name, distance in neighbour.by_sub_code.items()]
    confidence = confidence_text(neighbour)
    return _unbroken([*parts, *([f"confidence {confidence}"] if confidence else [])])


def query_caption(memberships: dict[str, dict[str, float]]) -> str:
    """The query's value of greatest membership in each attribute; empty where nothing is known."""
    return _unbroken(
        [
            f"{max(of_values, key=lambda value: of_values[value])} {max(of_values.values()):.2f}"
            for of_values in memberships.values()
        ]
    )


def _unbroken(parts: list[str]) -> str:
    """With spaces that no line ends at within each of them."""
    return ", ".join(one.replace(" ", "\u00a0") for one in parts)


def _sub_codes(neighbours: Sequence[Neighbour]) -> list[str]:
    return list(neighbours[0].by_sub_code) if neighbours else []


def _confidence_column(neighbours: Sequence[Neighbour]) -> list[str]:
    return ["confidence"] if any(confidence_text(neighbour) for neighbour in neighbours) else []


def format_bits(distance: int) -> str:
    """A distance in words: 0 bits, 1 bit, 2 bits …"""
    return f"{distance} bit{'' if distance == 1 else 's'}"


def format_answer(reply: Answer) -> str:
    """The answer as a terminal shows it. Cases of one image are told by it, others with the images that matched."""
    source = f"version {reply.version}" if reply.version is not None else "a release folder"
    lines = [f"answered by {source}: {reply.method}, {reply.bits} bits"]
    part, a_part_of = ("part", "a part of ") if reply.are_cut else ("image", "")
    if len(reply.case.numbers) > 1:
        lines.append(f"asked with {len(reply.case.numbers)} images as one case")
    if reply.attention is not None:
        lines.append(
            "attention: " + ", ".join(f"image {number} {weight:.0%}" for number, weight in reply.attention.items())
        )
    if reply.preference is not None:
        lines += format_preference(reply.preference)
    lines += query_lines(reply)
    lines.append(
        f"{'rank':<6}{'bag id' if reply.of_bags else 'image id':<18}{'distance':<10}"
        f"{header(reply.neighbours)}"
        f"{f'{part}s'.ljust(8) if reply.of_bags else ''}labels"
    )
    for neighbour in reply.neighbours:
        count = f"{neighbour.n_images:<8}" if reply.of_bags else ""
        lines.append(
            f"{neighbour.rank:<6}{neighbour.id:<18}{format_bits(neighbour.distance_bits):<10}"
            f"{columns(neighbour, reply.neighbours)}{count}"
            f"{', '.join(neighbour.labels) or 'no label'}"
        )
        if tells_match(reply, neighbour) and neighbour.match is not None:
            lines.append(
                f"      {a_part_of}image {neighbour.match.query_image} of the query ~ {part} "
                f"{neighbour.match.image_id}, {format_bits(neighbour.match.distance_bits)}"
            )
    total_ms = reply.decode_ms + reply.encode_ms + reply.search_ms
    lines.append(
        f"{total_ms:.1f} ms: decode {reply.decode_ms:.1f}, encode {reply.encode_ms:.1f}, search {reply.search_ms:.2f}"
    )
    return "\n".join(lines)


def tells_match(reply: Answer, neighbour: Neighbour) -> bool:
    """Of two cases of one image each it is plain which matched which."""
    return neighbour.n_images > 1 or len(reply.case.pixels) > 1
