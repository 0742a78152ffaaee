"""Folds by a hash of the patient: they never change when patients arrive."""

import hashlib

from medhash.core.params import SplitParams


def hash_folds(patients: list[str], settings: SplitParams, seed: int) -> list[str]:
    """Fold per patient: test with probability test_share, else val with probability val_share, else train."""
    return [
        "test"
        if uniform("test", patient, seed) < settings.test_share
        else "val"
        if in_validation(patient, settings, seed)
        else "train"
        for patient in patients
    ]


def in_validation(patient: str, settings: SplitParams, seed: int) -> bool:
    """Whether a patient who is not in test belongs to val."""
    return uniform("val", patient, seed) < settings.val_share


def uniform(purpose: str, patient: str, seed: int) -> float:
    """A number in [0, 1): the first 53 bits of SHA-256 over purpose, seed and patient, so that 1.0 means all."""
    digest = hashlib.sha256(f"{purpose}\0{seed}\0{patient}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53
