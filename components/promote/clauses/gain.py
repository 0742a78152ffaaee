"""Whether the challenger ranks better: than the champion by a sure margin, or, where there is none, than chance."""

from components.documents import Difference
from components.promote.clauses.clause import ROUNDING, Clause

_ANOTHER_TURN = "wait for another group's turn, lower promote.query_groups, or add test patients"


def above_chance(
    challenger_map: float | None, chance_map: float | None, exchanged_map: float | None = None, nobody: str = ""
) -> Clause:
    """A first champion's MAP must exceed that of a random order on the same queries.

    exchanged_map: its own where the queries exchange their labels, which codes that fall into groups reach whatever the
    queries show. It is told, and a MAP that does not exceed it is called so, but decides nothing: there is no champion
    to lose, and a few dozen patients cannot tell the two figures apart.
    None where no query of the group can be answered; nobody: why not.
    """
    if challenger_map is None or chance_map is None:
        return Clause("above-chance", False, nobody, _ANOTHER_TURN)
    figures = f"MAP {challenger_map:.4f}, chance {chance_map:.4f}" + (
        f", labels exchanged {exchanged_map:.4f}" if exchanged_map is not None else ""
    )
    if challenger_map > chance_map + ROUNDING:
        grouped = (
            "; beware: no more than codes that fall into groups reach whatever the queries show"
            if exchanged_map is not None and challenger_map <= exchanged_map + ROUNDING
            else ""
        )
        return Clause("above-chance", True, f"there was no champion, and the model is above chance: {figures}{grouped}")
    return Clause(
        "above-chance",
        False,
        f"there is no champion, but the model is not above chance: {figures}",
        "look at the report's learning curves and at the labels; train longer, on more data, or another method",
    )


def gain(difference: Difference | None, n_patients: int, min_gain: float, nobody: str = "") -> Clause:
    """low > min_gain, where [low, high] is the 95 % interval of the mean AP difference, challenger less champion.

    difference: paired by query and resampled by patient; None where no query of the group can be answered;
    nobody: why not. n_patients: of the answerable queries; a single one gives no interval.
    """
    if difference is None:
        return Clause("gain", False, nobody, _ANOTHER_TURN)
    figures = f"{difference.value:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]"
    if n_patients < 2:
        return Clause(
            "gain",
            False,
            f"the gain {difference.value:+.4f} is that of one patient, which says nothing about others",
            _ANOTHER_TURN,
        )
    if difference.low > min_gain + ROUNDING:
        return Clause("gain", True, f"MAP gain {figures}: its lower end exceeds {min_gain:g}")
    return Clause(
        "gain",
        False,
        f"MAP gain {figures}: its lower end does not exceed {min_gain:g}",
        "none needed: the champion stays. A small gain shows with more test patients per group "
        "(promote.query_groups) or more training data",
    )
