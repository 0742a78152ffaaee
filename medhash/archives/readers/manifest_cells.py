"""Whether settings name a modality and an organ that the tables may hold."""

import math
import re
from collections.abc import Callable

from medhash.archives.readers.dicom_files import ORGANS as _BODY_PARTS
from medhash.archives.readers.dicom_files import VIEWS as _VIEWS
from medhash.archives.readers.nih_table import MAX_AGE, TOP_AGE
from medhash.core.errors import MedhashError

REQUIRED = ("path", "patient_id", "labels")
MODALITIES = ("xray", "mammography", "histology", "ct", "mr", "ultrasound", "unknown")
ORGANS = tuple(dict.fromkeys((*_BODY_PARTS.values(), "brain", "breast", "colon", "skin", "unknown")))
VIEWS = tuple(dict.fromkeys(_VIEWS.values()))
_SET = {
    "view": ("unknown_view", VIEWS),
    "laterality": ("unknown_laterality", ("L", "R")),
    "sex": ("malformed_row", ("F", "M")),
    "official_fold": ("malformed_row", ("train_val", "test")),
    "modality": ("unknown_modality", MODALITIES),
    "organ": ("malformed_row", ORGANS),
}
"""Column → reason of refusing another value, and the values."""


def _age(text: str) -> float | None:
    return float(min(int(text), TOP_AGE)) if re.fullmatch(r"\d{1,3}", text, re.ASCII) and int(text) <= MAX_AGE else None


def _pixels(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,6}", text, re.ASCII) and int(text) else None


def _millimetres(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,4}(\.\d{1,12})?", text, re.ASCII) and float(text) else None


_NUMBER: dict[str, tuple[str, Callable[[str], float | None]]] = {
    "age": (f"a whole number of years up to {MAX_AGE}", _age),
    "width": ("a whole number of pixels above 0", _pixels),
    "height": ("a whole number of pixels above 0", _pixels),
    "pixel_spacing": ("a number of millimetres above 0, as in 0.05", _millimetres),
}
"""Column → what it holds, and how it is read."""
COLUMNS = (*REQUIRED, "group_id", "bag_id", "study_id", "slide_id", *_SET, *_NUMBER)
"""Any other stops the run: it might name a person."""


def read_cells(cells: dict[str, str]) -> dict[str, str | float | None] | tuple[str, str]:
    """Values of a row's optional cells, null or NaN where one is empty; or reason and detail, which quotes no cell."""
    values: dict[str, str | float | None] = {}
    for column, (reason, allowed) in _SET.items():
        text = cells.get(column, "")
        if text and text not in allowed:
            return reason, f"{column} is none of {', '.join(allowed)}"
        values[column] = text or None
    for column, (meaning, number) in _NUMBER.items():
        text = cells.get(column, "")
        values[column] = number(text) if text else math.nan
        if text and values[column] is None:
            return "malformed_row", f"{column} is not {meaning}"
    return values


def require_terms(setting: str, modality: str | None, organ: str | None) -> None:
    """Raise MedhashError, naming the setting, where a modality or an organ is none that is known; None says nothing."""
    for name, text, allowed in (("modality", modality, MODALITIES), ("organ", organ, ORGANS)):
        if text is not None and text not in allowed:
            raise MedhashError(f"{setting}.{name}: {text} is not known", f"set it to {', '.join(allowed)}")
