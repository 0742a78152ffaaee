"""Seeds: a number of its own for every purpose of a training."""

import hashlib
import json


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A seed of its own for each purpose (method, epoch …), in [0, 2^63).

    Every epoch seeds its generators anew, so a resumed training draws what an undisturbed one would have drawn.
    """
    digest = hashlib.sha256(json.dumps([seed, *purpose]).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
