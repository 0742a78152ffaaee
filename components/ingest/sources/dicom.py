"""A hospital's own folder of DICOM files, labelled by a CSV.

Rows are the files: their number is the place of the file in the folder's order (depth first, by name, tars among
them), counted from 1; it stays as long as no file is added before. Labels are joined by SOP Instance UID or accession
number, which go no further than this module.
"""

from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from components.errors import MedhashError
from components.ingest.entries import REASONS, Entries, Rejection, SourceFile
from components.ingest.sources.dicom_files import dicom_files
from components.ingest.sources.dicom_labels import LabelTable, read_labels
from components.ingest.sources.dicom_rows import DicomRow, UnfitHeader, header_row
from components.params import IngestParams

_MAX_BYTES_PER_PIXEL = 8
"""Four channels of 16 bits, uncompressed: no honest file needs more."""
_KEY_WORDS = {"sop_instance_uid": "SOP Instance UID", "accession_number": "accession number"}


def read_entries(archive: Path, settings: IngestParams) -> Entries:
    """The headers of all files, labelled; of each file only the header is read, and of the headers one row is kept.

    Refused are files without a row of labels and rows of labels without a file, files of one SOP Instance UID but the
    first, and all files whose key is shared by two patients or has contradicting labels.
    Raises MedhashError where there is no DICOM file, or where the CSV cannot be read or lacks a column.
    """
    labels = read_labels(archive / settings.dicom.labels, settings.dicom)
    max_bytes = settings.max_image_pixels * _MAX_BYTES_PER_PIXEL
    rows: list[DicomRow] = []
    rejections: list[Rejection] = []
    for number, file in enumerate(tqdm(dicom_files(archive, max_bytes), desc="headers", unit="file", disable=None), 1):
        try:
            rows.append(header_row(file, max_bytes))
        except UnfitHeader as error:
            rows.append(DicomRow.without(file.name, error))
            rejections.append(Rejection(error.reason, error.detail, number, file.name, error.value))
    if not rows:
        raise MedhashError(f"{archive} holds no DICOM file (.dcm, or without ending), nor does a tar there",
                           "set ingest.archive to the folder that holds them")
    frame = pd.DataFrame(rows, index=range(1, len(rows) + 1))
    frame["key"] = frame[settings.dicom.key]
    names = frozenset(frame["source_name"])
    surplus = labels.rejections + _rows_without_file(labels, frozenset(frame["key"]))
    frame = frame.drop([rejection.source_row for rejection in rejections])
    words = _KEY_WORDS[settings.dicom.key]
    for refuse in (_repeated, partial(_unlabelled, labels, words), partial(_of_two_patients, words)):
        refused = refuse(frame)
        rejections += refused
        frame = frame.drop([rejection.source_row for rejection in refused])
    frame["labels"] = frame["key"].map(labels.text)
    frame["official_fold"] = None
    return Entries("DICOM files (row = place of the file, by name)", "finding", "xray", "unknown",
                   frame.drop(columns=["key", *_KEY_WORDS]), names, len(rows) + len(surplus), rejections + surplus)


def image_files(archive: Path, settings: IngestParams) -> Generator[SourceFile]:
    """Every DICOM file with its bytes."""
    max_bytes = settings.max_image_pixels * _MAX_BYTES_PER_PIXEL
    for file in dicom_files(archive, max_bytes):
        if file.stream is None:
            yield SourceFile(file.name, b"", file.reason)
            continue
        try:
            data = file.stream.read()
        except OSError:                                         # its text would name the file
            yield SourceFile(file.name, b"", "unreadable")
        else:
            yield SourceFile(file.name, data)


def _rows_without_file(labels: LabelTable, keys: frozenset[str]) -> list[Rejection]:
    return [Rejection("missing_image", f"line {line} of {labels.name}: {REASONS['missing_image']}", value=key)
            for key, line in labels.lines.items() if key not in keys]


def _repeated(frame: pd.DataFrame) -> list[Rejection]:
    first: dict[str, int] = {}
    rejections = []
    for row, name, uid in _rows(frame, "sop_instance_uid"):
        if uid and first.setdefault(uid, row) != row:
            detail = f"row {first[uid]} has the same SOP Instance UID"
            rejections.append(Rejection("duplicate_instance", detail, row, name))
    return rejections


def _unlabelled(labels: LabelTable, words: str, frame: pd.DataFrame) -> list[Rejection]:
    rejections = []
    for row, name, key in _rows(frame, "key"):
        if not key:
            rejections.append(Rejection("empty_key", f"the header names no {words}", row, name))
        elif key not in labels.lines:
            rejections.append(Rejection("no_row", f"{labels.name} has no row with the file's {words}", row, name))
        elif key in labels.defects:
            rejections.append(Rejection(*labels.defects[key], row, name, labels.text[key]))
    return rejections


def _of_two_patients(words: str, frame: pd.DataFrame) -> list[Rejection]:
    several = frame["patient"].groupby(frame["key"]).transform("nunique") > 1
    return [Rejection("shared_key", f"another patient's image has the same {words}", row, name)
            for row, name, _ in _rows(frame[several], "key")]


def _rows(frame: pd.DataFrame, column: str) -> Iterator[tuple[int, str, str]]:
    """(row, source name, value) of every row."""
    return zip(frame.index.tolist(), frame["source_name"].tolist(), frame[column].tolist(), strict=True)
