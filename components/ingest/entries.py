"""What a source hands to ingest: the rows of an archive's table, and what was refused so far."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from components.ingest.memo import Place

REASONS = {
    "malformed_row": "the row has not as many fields as the header",
    "empty_image_name": "the row names no image",
    "duplicate_row": "an earlier row describes the same image",
    "empty_patient": "the row names no patient",
    "unknown_finding": "the row holds a finding that the source does not know",
    "malformed_report": "the report is no well-formed XML, or not built as the publisher's are",
    "unsafe_report": "the report declares a document type or entities, which are never expanded",
    "duplicate_report": "an earlier report has the same id",
    "unknown_modality": "the header's modality is none that ingest takes",
    "empty_key": "the header, or the row of labels, lacks what joins them",
    "duplicate_instance": "an earlier file has the same SOP Instance UID",
    "shared_key": "images of two patients have the same key",
    "contradicting_labels": "two rows of the table of labels give the same key different labels",
    "empty_labels": "the row gives no label, not even `No Finding`",
    "missing_image": "no file belongs to the row",
    "no_row": "no row describes the file",
    "ambiguous_file": "two different files have the row's image name",
    "unreadable": "the file system would not hand out the file",
    "empty": "the file has no bytes",
    "not_an_image": "the file is neither PNG, JPEG nor DICOM",
    "truncated": "the file ends before the image does",
    "damaged": "the file's bytes are not those that were written",
    "no_pixels": "the header is not followed by pixels",
    "multi_frame": "the file holds several frames, a row describes one picture",
    "unsupported": "the pixels are stored in a way that no decoder here reads",
    "too_large": "the file declares more pixels or bytes than ingest.max_image_pixels allows",
    "exact_duplicate": "an earlier row has the same file, byte by byte",
}
"""Reason → what it means; the values of REJECTED.reason."""


@dataclass(frozen=True)
class Rejection:
    """One row or file that cannot be taken. `detail` is public; `source_name`, `value` and `patients` are private."""

    reason: str
    detail: str
    source_row: int | None = None
    source_name: str = ""
    value: str = ""
    patients: tuple[str, ...] = ()
    """Whom it is about; several where the row does not tell for certain, none where it does not tell at all."""


def _no_patient(name: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class Entries:
    """An archive's table.

    rows: accepted rows, index = line of the table (header = 1), ascending, with the columns source_name, patient,
    study, labels (findings joined by |), view, sex, age, width, height, pixel_spacing and official_fold; where they
    are known per image also laterality, burned_in, modality and organ, which else hold for the whole archive.
    names: image names of every row, refused ones too. n_rows: rows of the table, refused ones too.
    patients_of: whom a file without a row may be of, by its name.
    """

    table: str
    attribute: str
    modality: str
    organ: str
    rows: pd.DataFrame
    names: frozenset[str]
    n_rows: int
    rejections: list[Rejection]
    patients_of: Callable[[str], tuple[str, ...]] = _no_patient


@dataclass(frozen=True)
class SourceFile:
    """A file of an archive: its name as the table uses it, and its bytes, or the reason why there are none."""

    name: str
    data: bytes
    reason: str = ""
    place: Place | None = None
    """Where it lies, for the file memo; None where it changed while it was read."""
    told: str = ""
    """What the file memo knows of it; it was not read then."""
