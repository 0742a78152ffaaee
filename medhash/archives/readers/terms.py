"""The words that tables may hold for modality, organ and view, and the ages: no other word of an archive passes."""

import re

from medhash.core.errors import MedhashError

MODALITIES = ("xray", "mammography", "histology", "ultrasound", "mr", "ct", "unknown")
ORGANS = (
    "chest",
    "breast",
    "colon",
    "skin",
    "abdomen",
    "pelvis",
    "head",
    "brain",
    "neck",
    "spine",
    "shoulder",
    "arm",
    "hand",
    "hip",
    "leg",
    "foot",
    "unknown",
)
VIEWS = ("PA", "AP", "LATERAL", "CC", "MLO", "ML", "LM", "XCCL")
MAX_AGE = 120
"""A higher age, in years, is an error of the table."""
TOP_AGE = 90
"""90 stands for 90 and above: a higher age would point at few people."""


def require_terms(setting: str, modality: str | None, organ: str | None) -> None:
    """Raise MedhashError, naming the setting, for an unknown modality or organ; None is allowed."""
    for name, text, allowed in (("modality", modality, MODALITIES), ("organ", organ, ORGANS)):
        if text is not None and text not in allowed:
            raise MedhashError(f"{setting}.{name}: {text} is not known", f"set it to {', '.join(allowed)}")


def whole_years(text: str) -> float | None:
    """Digits → years, 90 and above as 90; None for another text and above MAX_AGE."""
    return float(min(int(text), TOP_AGE)) if re.fullmatch(r"\d{1,3}", text, re.ASCII) and int(text) <= MAX_AGE else None
