"""A hospital's own folder of DICOM files, labelled by a CSV.

Rows are the files: their number is the place of the file in the folder's order (depth first, by name, tars among
them), counted from 1; it stays as long as no file is added before. Labels are joined by SOP Instance UID or accession
number, which go no further than this module.
"""

import dataclasses
import json
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from components.errors import MedhashError
from components.ingest.entries import REASONS, Entries, Rejection, SourceFile
from components.ingest.known import Known
from components.ingest.sources.bag_choice import require_offered
from components.ingest.sources.dicom_files import DicomFile, dicom_files
from components.ingest.sources.dicom_labels import LabelTable, read_labels
from components.ingest.sources.dicom_rows import DicomRow, UnfitHeader, header_row
from components.ingest.sources.files import most_bytes
from components.params import IngestParams

BAGS = ("image", "study", "patient")
_KEY_WORDS = {"sop_instance_uid": "SOP Instance UID", "accession_number": "accession number"}


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """The headers of all files, labelled; of each file only the header is read, and of the headers one row is kept.

    Refused are files without a row of labels and rows of labels without a file, files of one SOP Instance UID but the
    first, and all files whose key is shared by two patients or has contradicting labels.
    Raises MedhashError where there is no DICOM file, or where the CSV cannot be read or lacks a column.
    """
    require_offered(settings.bags.by, BAGS, "dicom")
    labels = read_labels(archive / settings.dicom.labels, settings.dicom)
    max_bytes = most_bytes(settings)
    rows: list[DicomRow] = []
    rejections: list[Rejection] = []
    files = dicom_files(archive, max_bytes, known)
    for number, file in enumerate(tqdm(files, desc="headers", unit="file", disable=None), 1):
        row = _row(file, max_bytes, known)
        if isinstance(row, UnfitHeader):
            rows.append(DicomRow.without(file.name, row))
            rejections.append(
                Rejection(row.reason, row.detail, number, file.name, row.value, (row.patient,) if row.patient else ())
            )
        else:
            rows.append(row)
    if not rows:
        raise MedhashError(
            f"{archive} holds no DICOM file (.dcm, or without ending), nor does a tar there",
            "set ingest.archive to the folder that holds them",
        )
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
    if settings.bags.by != "image":
        frame["bag"] = frame[settings.bags.by]
    return Entries(
        "DICOM files (row = place of the file, by name)",
        "finding",
        "xray",
        "unknown",
        frame.drop(columns=["key", *_KEY_WORDS]),
        names,
        len(rows) + len(surplus),
        rejections + surplus,
    )


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """Every DICOM file with its bytes."""
    max_bytes = most_bytes(settings)
    for file in dicom_files(archive, max_bytes, known):
        if file.stream is None:
            yield SourceFile(file.name, b"", file.reason, file.place, file.told)
            continue
        try:
            data = file.stream.read()
        except OSError:  # its text would name the file
            yield SourceFile(file.name, b"", "unreadable")
        else:
            yield SourceFile(file.name, data, "", file.place)


def _row(file: DicomFile, max_bytes: int, known: Known | None) -> DicomRow | UnfitHeader:
    """From the header, or from what an earlier run made of it. Nothing is remembered of a forgotten patient."""
    if file.told:
        unfit, fields = json.loads(file.told)
        return UnfitHeader(*fields) if unfit else DicomRow(file.name, *fields)
    row: DicomRow | UnfitHeader
    try:
        row = header_row(file, max_bytes)
        fields = row[1:]
    except UnfitHeader as error:
        row, fields = error, dataclasses.astuple(error)
    if known and _may_be_kept(row) and not known.forgets(row.patient):
        known.put(file.place, json.dumps([isinstance(row, UnfitHeader), fields]))
    return row


def _may_be_kept(row: DicomRow | UnfitHeader) -> bool:
    """A file that the file system would not hand out may be readable the next time."""
    return not (isinstance(row, UnfitHeader) and row.reason == "unreadable")


def _rows_without_file(labels: LabelTable, keys: frozenset[str]) -> list[Rejection]:
    return [
        Rejection("missing_image", f"line {line} of {labels.name}: {REASONS['missing_image']}", value=key)
        for key, line in labels.lines.items()
        if key not in keys
    ]


def _repeated(frame: pd.DataFrame) -> list[Rejection]:
    first: dict[str, int] = {}
    rejections = []
    for row, name, patient, uid in _rows(frame, "sop_instance_uid"):
        if uid and first.setdefault(uid, row) != row:
            detail = f"row {first[uid]} has the same SOP Instance UID"
            rejections.append(Rejection("duplicate_instance", detail, row, name, patients=(patient,)))
    return rejections


def _unlabelled(labels: LabelTable, words: str, frame: pd.DataFrame) -> list[Rejection]:
    rejections = []
    for row, name, patient, key in _rows(frame, "key"):
        if not key:
            reason, detail = "empty_key", f"the header names no {words}"
        elif key not in labels.lines:
            reason, detail = "no_row", f"{labels.name} has no row with the file's {words}"
        elif key in labels.defects:
            reason, detail = labels.defects[key]
        else:
            continue
        rejections.append(Rejection(reason, detail, row, name, labels.text.get(key, ""), (patient,)))
    return rejections


def _of_two_patients(words: str, frame: pd.DataFrame) -> list[Rejection]:
    several = frame["patient"].groupby(frame["key"]).transform("nunique") > 1
    return [
        Rejection("shared_key", f"another patient's image has the same {words}", row, name, patients=(patient,))
        for row, name, patient, _ in _rows(frame[several], "key")
    ]


def _rows(frame: pd.DataFrame, column: str) -> Iterator[tuple[int, str, str, str]]:
    """(row, source name, patient, value) of every row."""
    return zip(
        frame.index.tolist(), *(frame[name].tolist() for name in ("source_name", "patient", column)), strict=True
    )
