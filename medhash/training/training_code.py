"""Which code decides the result of a training, and the digest by which a checkpoint knows its own training."""

import hashlib
import json
from functools import cache
from typing import Any

from medhash.core.fingerprint import Code
from medhash.core.own_code import own_code
from medhash.hashing import method_code
from medhash.hashing.method_types import Method, ShallowMethod, StructuredMethod, TwoStepMethod

_SHALLOW = "medhash.training.shallow:train_shallow"
_TWO_STEP = "medhash.training.two_step:train_two_step"
_DEEP = "medhash.training.deep:train_deep"
_TEMPERATURES = "medhash.training.temperature:fit_temperatures"
_INITIAL_WEIGHTS = "medhash.hashing.networks.initial:load_initial_weights"
CUTS = (
    *method_code.CUTS,
    _SHALLOW,
    _TWO_STEP,
    _DEEP,
    _TEMPERATURES,
    _INITIAL_WEIGHTS,
    # They decide whether a training starts, not what comes of it.
    "medhash.training.train:_require_known",
    "medhash.training.training_code:*",
)
"""What leads to the training of methods other than the one meant."""


def training_roots(method: Method, has_initial_weights: bool) -> list[str]:
    """The definitions by which a method is trained, beside `train_method` itself."""
    roots = method_code.learning_roots(method)
    if isinstance(method, ShallowMethod):
        return [*roots, _SHALLOW]
    return [
        *roots,
        _DEEP,
        *([_TWO_STEP] if isinstance(method, TwoStepMethod) else []),
        *([_TEMPERATURES] if isinstance(method, StructuredMethod) else []),
        *([_INITIAL_WEIGHTS] if has_initial_weights else []),
    ]


def training_digest(method: Method, decisive: dict[str, Any]) -> str:
    """SHA-256 over the settings, seed and data digest in `decisive`, and over the code that trains the method."""
    roots = ["medhash.training.train:train_method", *training_roots(method, has_initial_weights=True)]
    digest = [decisive, _code().fingerprint(roots)]
    return hashlib.sha256(json.dumps(digest, sort_keys=True).encode()).hexdigest()


@cache
def _code() -> Code:
    return own_code(*CUTS)
