"""Search preferences as integer weights per bit."""

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from medhash.core.documents import SubCode
from medhash.core.errors import MedhashError

FLAG, LEAVE_OUT = "flag", "leave-out"
BELOW = (FLAG, LEAVE_OUT)
"""Cases below the least confidence are marked in the answer, or not searched."""
_DECIMAL = re.compile(r"\d{1,9}(\.\d{1,9})?|\.\d{1,9}")
_NEXT_PAIR = re.compile(r",(?=[^,=]+=)")
"""A comma that begins another ATTRIBUTE=VALUE; other commas belong to a value, such as `mass, benign`."""


@dataclass(frozen=True)
class Preference:
    """Preferences of a search. Names are those of attributes, each of which has a sub-code in a structured model."""

    prefer: tuple[str, ...] = ()
    """Sub-codes whose distance is compared before all others, most important first."""
    weights: tuple[tuple[str, Fraction], ...] = ()
    """Sub-code → weight of its distance, ≥ 0; every other sub-code weighs 1."""
    require: tuple[tuple[str, str], ...] = ()
    """(attribute, value): a case must have them all."""
    min_confidence: float | None = None
    below: str = FLAG
    """One of BELOW."""


def parse_preference(
    prefer: str = "", weights: str = "", require: Sequence[str] = (), min_confidence: str = "", below: str = ""
) -> Preference | None:
    """Preferences from their texts, as commands and MLflow's params take them; None if all are empty.

    prefer: `organ,pathology`; weights: `organ=2,pathology=1.5`; require: texts such as `modality=xray,organ=chest`;
    min_confidence: `0.7`, in (0, 1]; below: one of BELOW.
    Raises MedhashError for a text that does not parse, whatever the release.
    """
    preference = Preference(
        _names(prefer), _weights(weights), _required(require), _confidence(min_confidence), below.strip() or FLAG
    )
    if preference.below not in BELOW:
        raise MedhashError(f"below is {preference.below!r}", f"choose among {', '.join(BELOW)}")
    if below.strip() and preference.min_confidence is None:
        raise MedhashError(f"below is {preference.below}, but there is no least confidence", "set min-confidence too")
    for name, _ in preference.weights:
        if name in preference.prefer:
            raise MedhashError(
                f"{name} is preferred, so its weight changes nothing",
                f"take {name} out of the weights, or out of what is preferred",
            )
    return preference if preference != Preference() else None


def require_choice(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise MedhashError naming what there is, the most similar first, if a name is not among them."""
    known = list(known)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise MedhashError(
            f"there is no {kind} {name!r}", f"{hint}there {'is' if len(known) == 1 else 'are'} {', '.join(known)}"
        )


def _names(text: str) -> tuple[str, ...]:
    names = _parts(text, "prefer", "organ,pathology")
    _require_once(names, "preferred")
    return tuple(names)


def _weights(text: str) -> tuple[tuple[str, Fraction], ...]:
    pairs = [_pair(part, "weights", "organ=2,pathology=1.5") for part in _parts(text, "weights", "organ=2")]
    _require_once([name for name, _ in pairs], "weighted")
    return tuple((name, _weight(name, number)) for name, number in pairs)


def _weight(name: str, number: str) -> Fraction:
    if number.startswith("-"):
        raise MedhashError(f"the weight of {name} is {number}", "give 0 to leave it out, or a number above 0")
    if not _DECIMAL.fullmatch(number):
        raise MedhashError(
            f"the weight of {name} is {number!r}",
            "give a number such as 2 or 1.5, of up to nine digits before and after the point",
        )
    return Fraction(number)


def _required(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    parts = [part for text in texts if text.strip() for part in _NEXT_PAIR.split(text)]
    return tuple(dict.fromkeys(_pair(part, "require", "modality=xray") for part in parts))


def _confidence(text: str) -> float | None:
    if not text.strip():
        return None
    if not _DECIMAL.fullmatch(text.strip()) or not 0 < float(text) <= 1:
        raise MedhashError(f"min-confidence is {text.strip()!r}", "give a share above 0 and up to 1, such as 0.7")
    return float(text)


def _parts(text: str, option: str, example: str) -> list[str]:
    if not text.strip():
        return []
    parts = [part.strip() for part in text.split(",")]
    if "" in parts:
        raise MedhashError(f"{option}: {text!r} has a comma with nothing beside it", f"write for example {example}")
    return parts


def _pair(text: str, option: str, example: str) -> tuple[str, str]:
    name, _, value = (part.strip() for part in text.partition("="))
    if not name or not value:
        raise MedhashError(f"{option}: {text.strip()!r} is not of the form NAME=VALUE", f"write for example {example}")
    return name, value


def _require_once(names: list[str], done: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise MedhashError(f"{name} is {done} twice", "name it once")


MAX_WEIGHTED_DISTANCE = 2**63 - 1
"""The greatest weighted distance that an int64 holds."""


def bit_weights(preference: Preference, sub_codes: Sequence[SubCode], bits: int) -> np.ndarray:
    """int64, (bits,): the weight of each bit, that of its sub-code. Raises as `sub_code_weights` does."""
    weights = np.zeros(bits, np.int64)
    for part, weight in zip(sub_codes, sub_code_weights(preference, sub_codes), strict=True):
        weights[part.start : part.stop] = weight
    return weights


def sub_code_weights(preference: Preference, sub_codes: Sequence[SubCode]) -> list[int]:
    """Whole numbers w, one for each sub-code, that order cases by Σ_j w_j · d_j as the preference does.

    d_j: Hamming distance within sub-code j, at most its width b_j. Fractions are brought to their common denominator,
    so ties stay ties. Preferred sub-codes are digits in a mixed radix: a bit of the last one weighs one more than the
    largest sum of the sub-codes without preference, and each earlier one b_j + 1 times the next.

    Raises MedhashError if a name is no sub-code, if every weight is 0, or if the sum could exceed an int64.
    """
    _require_parts(preference, [part.name for part in sub_codes])
    given = dict(preference.weights)
    rest = {part.name: given.get(part.name, Fraction(1)) for part in sub_codes if part.name not in preference.prefer}
    scale = math.lcm(*(weight.denominator for weight in rest.values()))
    weights = {name: int(weight * scale) for name, weight in rest.items()}
    common = math.gcd(*weights.values()) or 1
    weights = {name: weight // common for name, weight in weights.items()}
    if not preference.prefer and not any(weights.values()):
        raise MedhashError("every sub-code weighs 0, so nothing tells cases apart", "give one of them a weight above 0")

    width = {part.name: part.stop - part.start for part in sub_codes}
    most = sum(weights[name] * width[name] for name in weights)
    for name in reversed(preference.prefer):
        weights[name] = most + 1
        most += weights[name] * width[name]
    if most > MAX_WEIGHTED_DISTANCE:
        raise MedhashError(
            f"the weighted distance of these preferences would need a number of {most.bit_length()} bits; there are 63",
            "prefer fewer attributes, or give weights of fewer digits",
        )
    return [weights[part.name] for part in sub_codes]


def _require_parts(preference: Preference, parts: list[str]) -> None:
    for name in (*preference.prefer, *(name for name, _ in preference.weights)):
        if len(parts) == 1 and name not in parts:
            raise MedhashError(
                f"codes of this model are of one part, so {name!r} cannot be preferred or weighed",
                "search without --prefer and --weights, or with a model whose codes have a part for each attribute",
            )
        require_choice("sub-code", name, parts)
