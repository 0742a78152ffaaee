"""What a source hands to ingest: the rows of an archive's table, and what was refused so far."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from medhash.archives.memo import Place
from medhash.core.errors import MedhashError

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
    "not_an_image": "the file is neither PNG, JPEG, PGM nor DICOM",
    "truncated": "the file ends before the image does",
    "damaged": "the file's bytes are not those that were written",
    "no_pixels": "the header is not followed by pixels",
    "multi_frame": "the file holds several frames, a row describes one picture",
    "unsupported": "the pixels are stored in a way that no decoder here reads",
    "too_large": "the file declares more pixels or bytes than ingest.max_image_pixels allows",
    "exact_duplicate": "an earlier row has the same file, byte by byte",
    "empty_bag": "the row names no bag",
    "bag_of_two_patients": "the bag holds images of several patients",
    "bag_too_large": "the bag holds more images, or parts of images, than ingest.bags.max_size allows",
    "mixed_channels": "the file is grey, the archive's other images are in colour",
    "region_outside": "the row points at a region outside of the image",
    "malformed_name": "the file's name is not built as the publisher's are",
    "unknown_view": "the row gives a view that the source does not know",
    "unknown_laterality": "the row names neither the left nor the right side",
    "unknown_pathology": "the row gives a label that the source does not know",
    "no_coordinates": "the row does not say where its abnormality, or its piece of tissue, is",
}
"""Reason → what it means; the values of REJECTED.reason."""


def require_offered(by: str, offered: tuple[str, ...], source: str) -> None:
    """Raise MedhashError, naming the valid levels, if the source does not support the bag level ingest.bags.by."""
    if by not in offered:
        raise MedhashError(
            f"ingest.bags.by: {by} is not supported by the source {source}",
            f"set ingest.bags.by to {', '.join(offered[:-1])} or {offered[-1]}",
        )


@dataclass(frozen=True)
class Rejection:
    """One row or file that cannot be taken. `detail` is public; `source_name`, `value` and `patients` are private."""

    reason: str
    detail: str
    source_row: int | None = None
    source_name: str = ""
    value: str = ""
    patients: tuple[str, ...] = ()
    """Whom it is about: several where the row is ambiguous, none where it names nobody."""


def _no_patient(name: str) -> tuple[str, ...]:
    return ()


def _one_archive(name: str) -> str:
    return ""


@dataclass(frozen=True)
class Entries:
    """An archive's table.

    rows: accepted rows, a row per image file. The index is the line of the table (header = 1), ascending. Columns:
    source_name, patient, study, labels (joined by |; empty = none), view, sex, age, width, height, pixel_spacing and
    official_fold. Where they are known per image: laterality, burned_in, modality and organ; otherwise the fields of
    that name hold for the whole archive. Further columns, where the archive has them:

    - bag: the name of the file's bag in the archive; ingest makes a pseudonym of it. A bag has one patient (else it is
      refused whole). Without the column every file is its own case.
    - regions: what the table points at in the file: a tuple of (x, y, w, h), whole px of the original image, from its
      top left corner. Regions may cross the edge and are clipped. None or () where the table points at nothing.
      Given whatever ingest.cut.into is, used with `regions` only.
    - labels:ATTRIBUTE: labels of a further attribute, joined by |, empty = none; `labels` holds those of `attribute`.

    names: image names of every row, refused ones too. n_rows: rows of the table, refused ones too.
    patients_of: the patients that a file without a row may show, by its name.
    channels: 1 for greys (colours become luma), 3 for red, green, blue; a grey file is then refused: mixed_channels.
    frame: (w, h) px of the images that `regions` refer to. Files may be copies of another size; regions are then scaled
    to each file. None: regions are in px of the file.
    archive_of: from a file's name to its archive, where several are joined; else empty.
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
    channels: Literal[1, 3] = 1
    frame: tuple[int, int] | None = None
    archive_of: Callable[[str], str] = _one_archive

    def with_archive(self, rejections: list[Rejection]) -> list[Rejection]:
        """The same refusals; where archives are joined, each names its archive."""
        return [
            replace(rejection, detail=f"{archive}: {rejection.detail}")
            if (archive := self.archive_of(rejection.source_name))
            else rejection
            for rejection in rejections
        ]


@dataclass(frozen=True)
class SourceFile:
    """A file of an archive: its name in the table, and its bytes or the reason why there are none."""

    name: str
    data: bytes
    reason: str = ""
    place: Place | None = None
    """Where it is, for the file memo; None where it changed while it was read."""
    remembered: str = ""
    """What the file memo holds of it; the file was then not read."""
