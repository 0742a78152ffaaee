"""The promotion rule, and nothing else: whether the challenger takes the champion's place, and why."""

from typing import NamedTuple


class Decision(NamedTuple):
    promote: bool
    why: str


def decide(challenger_map: float, chance: float, champion_map: float | None, min_gain: float) -> Decision:
    """Without a champion the challenger must be above chance; with one, above its MAP by more than min_gain.

    All MAP are on the same test queries and gallery; champion_map: None where there is no champion.
    """
    if champion_map is None:
        if challenger_map > chance:
            return Decision(True, f"there was no champion, and MAP {challenger_map:.4f} is above chance, {chance:.4f}")
        return Decision(False, f"there is no champion, but MAP {challenger_map:.4f} is not above chance, {chance:.4f}")
    needed = f"the champion's {champion_map:.4f}" + (f" by more than {min_gain:g}" if min_gain else "")
    if challenger_map > champion_map + min_gain:
        return Decision(True, f"MAP {challenger_map:.4f} exceeds {needed} on the same queries")
    return Decision(False, f"MAP {challenger_map:.4f} does not exceed {needed} on the same queries")
