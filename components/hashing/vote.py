"""A bag's code by vote of its instances' codes: what methods that know nothing of bags give to a bag."""

import numpy as np


def vote(relaxed: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Relaxed codes of bags whose signs are the majority's: float32, (n, K).

    Each instance votes ±1 for each bit, +1 where h ≥ 0; the votes are counted in integers. Where they are even, the
    sign of the sum of the relaxed values decides (≥ 0 is +1). The value is the mean over the instances that voted
    with the majority, and over all of them where votes are even; so a bag of one keeps its relaxed code unchanged.
    Sums are in double precision and in the order given, which HashModel makes that of the content.

    relaxed: instances' relaxed codes, (m, K); starts: int64, (n + 1,). Source: ours; two-step hashing of bags.
    """
    if len(starts) - 1 == len(relaxed):
        return relaxed.astype(np.float32, copy=False)
    first = starts[:-1]
    sizes = np.diff(starts)[:, None]
    positive = relaxed >= 0  # (m, K)
    n_positive = np.add.reduceat(positive.astype(np.int64), first, axis=0)  # (n, K)
    h = relaxed.astype(np.float64)
    sum_positive = np.add.reduceat(np.where(positive, h, 0), first, axis=0)
    sum_negative = np.add.reduceat(np.where(positive, 0, h), first, axis=0)
    balance = 2 * n_positive - sizes
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.select(
            [balance > 0, balance < 0],
            [sum_positive / n_positive, sum_negative / (sizes - n_positive)],
            np.add.reduceat(h, first, axis=0) / sizes,
        )
    return value.astype(np.float32)
