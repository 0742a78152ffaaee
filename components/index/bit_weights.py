"""A preference as whole numbers: the weight of every bit, by which all orders of preference are one weighted sum."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from components.documents import SubCode
from components.errors import MedhashError
from components.index.preference import Preference, require_known

LARGEST = 2**63 - 1
"""The greatest weighted distance that an int64 holds."""


def bit_weights(preference: Preference, sub_codes: Sequence[SubCode], bits: int) -> np.ndarray:
    """int64, (bits,): the weight of each bit, that of its sub-code. Raises as `sub_code_weights` does."""
    weights = np.zeros(bits, np.int64)
    for part, weight in zip(sub_codes, sub_code_weights(preference, sub_codes), strict=True):
        weights[part.start : part.stop] = weight
    return weights


def sub_code_weights(preference: Preference, sub_codes: Sequence[SubCode]) -> list[int]:
    """Whole numbers w, one for each sub-code, that order cases by Σ_j w_j · d_j as the preference does.

    d_j: Hamming distance within sub-code j, at most its width b_j. Weights that are fractions are brought to their
    common denominator, so ties stay ties. Preferred sub-codes are the digits of a number in a mixed radix: the least of
    them weighs one more than all that are not preferred can come to, and each one before it b_j + 1 times the weight
    of the next, so that no sum of what comes after it outweighs a single bit.

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
    if most > LARGEST:
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
        require_known("sub-code", name, parts)
