"""Whether the codes of the index use their bits."""

import numpy as np

from components.params import QualityParams
from components.promote.clauses.clause import ROUNDING, Clause


def bits(codes: np.ndarray, limits: QualityParams) -> Clause:
    """Few bits are dead, |share of ones - 1/2| > max_bit_imbalance, and enough codes are distinct.

    codes: those of the index, packed, uint8 (n, bits / 8). Distinct codes are counted over min(n, 2^bits).
    """
    n_bits = 8 * codes.shape[1]
    imbalance = np.abs(np.unpackbits(codes, axis=1).mean(axis=0) - 0.5)
    n_dead = int((imbalance > limits.max_bit_imbalance + ROUNDING).sum())
    n_distinct = len(np.unique(codes, axis=0))
    distinct = n_distinct / max(1, min(len(codes), 2**n_bits))
    figures = (
        f"{n_dead} of {n_bits} bits are dead, limit {limits.max_dead_bit_share:.0%}; {n_distinct:,} of "
        f"{len(codes):,} codes are distinct, least {limits.min_distinct_code_share:.1%}"
    )
    held = (
        n_dead / n_bits <= limits.max_dead_bit_share + ROUNDING
        and distinct >= limits.min_distinct_code_share - ROUNDING
    )
    return Clause(
        "bits",
        held,
        figures,
        ""
        if held
        else "the codes have collapsed: look at the bit balance in the "
        "report, and change the method's settings (train.overrides) or train longer",
    )
