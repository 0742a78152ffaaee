"""Seeds and digests: what decides the bytes of a training."""

import hashlib
import json
from pathlib import Path
from typing import Any


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A seed of its own for each purpose (method, epoch …), in [0, 2^63).

    Every epoch seeds its generators anew, so a resumed training draws what an undisturbed one would have drawn.
    """
    digest = hashlib.sha256(json.dumps([seed, *purpose]).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


def training_digest(decisive: dict[str, Any]) -> str:
    """SHA-256 over settings, seed and data digest, and over the code in medhash/hashing and medhash/training."""
    package = Path(__file__).parent.parent
    code = hashlib.sha256()
    for path in sorted(path for folder in ("hashing", "training") for path in (package / folder).rglob("*.py")):
        code.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return hashlib.sha256(json.dumps([decisive, code.hexdigest()], sort_keys=True).encode()).hexdigest()
