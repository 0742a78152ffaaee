"""What a searcher means by similar: which parts of a code count first, how much, and which cases may answer."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from components.errors import MedhashError

FLAG, LEAVE_OUT = "flag", "leave-out"
BELOW = (FLAG, LEAVE_OUT)
"""What happens to cases below the least confidence: they are marked in the answer, or not searched."""
_DECIMAL = re.compile(r"\d{1,9}(\.\d{1,9})?|\.\d{1,9}")
_NEXT_PAIR = re.compile(r",(?=[^,=]+=)")
"""A comma that begins another ATTRIBUTE=VALUE; other commas belong to a value, such as `mass, benign`."""


@dataclass(frozen=True)
class Preference:
    """A question's preferences. Names are those of sub-codes and attributes, which a structured model names alike."""

    prefer: tuple[str, ...] = ()
    """Sub-codes that come first, the most important one foremost."""
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
    Raises MedhashError for a text that says nothing clear, whatever the release.
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


def require_known(kind: str, name: str, known: Iterable[str]) -> None:
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
