"""A hospital's own folder of DICOM files, labelled by a CSV.

Rows are the files. A row's number is the file's place in the folder's order (depth first, by name, tars included),
counted from 1. It stays the same as long as no file is added before. Labels are joined by SOP Instance UID or accession
number, which go no further than this module.
"""

import dataclasses
import difflib
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from medhash.archives.entries import REASONS, Entries, Rejection, SourceFile, require_offered
from medhash.archives.files import most_bytes
from medhash.archives.known import Known
from medhash.archives.readers.csv_tables import csv_lines, find_columns
from medhash.archives.readers.dicom_files import DicomFile, dicom_files
from medhash.archives.readers.dicom_rows import DicomRow, UnfitHeader, header_row
from medhash.core.errors import MedhashError
from medhash.core.params.ingest import DicomParams, IngestParams

_BAGS = ("image", "study", "patient")
_KEY_WORDS = {"sop_instance_uid": "SOP Instance UID", "accession_number": "accession number"}


@dataclass
class LabelTable:
    """Key → line, labels (joined by |), and what is wrong with them as (reason, detail). Keys are identifying."""

    name: str
    lines: dict[str, int] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)
    defects: dict[str, tuple[str, str]] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per file from its header, labelled. Only headers are read.

    Refused are files without a row of labels, rows of labels without a file, and later files of one SOP Instance UID.
    So are all files whose key two patients share or whose labels contradict each other.
    Raises MedhashError where there is no DICOM file, or where the CSV cannot be read or lacks a column.
    """
    require_offered(settings.bags.by, _BAGS, "dicom")
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
            yield SourceFile(file.name, b"", file.reason, file.place, file.remembered)
            continue
        try:
            data = file.stream.read()
        except OSError:  # its text would name the file
            yield SourceFile(file.name, b"", "unreadable")
        else:
            yield SourceFile(file.name, data, "", file.place)


def read_labels(path: Path, settings: DicomParams) -> LabelTable:
    """Read and judge every row; a row that only repeats an earlier one is refused, one that contradicts it spoils both.

    Raises MedhashError where the file is absent, no CSV, without rows, or lacks a column.
    """
    labels = LabelTable(path.name)
    if not path.exists():
        raise MedhashError(
            f"{path} does not exist",
            "set ingest.dicom.labels to the CSV that holds a row of labels for each image or examination",
        )
    lines = csv_lines(path, ",", "export the table again (CSV, UTF-8)")
    header = next(lines)[1]
    columns = {"key": (settings.key_column,), "labels": (settings.labels_column,)}
    fix = "set ingest.dicom.key_column and labels_column to names in the first line"
    places = find_columns(path, header, columns, fix)
    for line, row in lines:
        if len(row) == len(header):
            _take(labels, line, row[places["key"]], row[places["labels"]], settings.findings)
        else:
            labels.rejections.append(
                Rejection(
                    "malformed_row",
                    f"line {line} of {path.name}: {len(row)} fields, the header has {len(header)}",
                    value=",".join(row),
                )
            )
    if not labels.lines:
        raise MedhashError(f"{path} has a header and no row with a key", "give each image or examination its row")
    return labels


def _take(labels: LabelTable, line: int, key: str, cell: str, findings: list[str]) -> None:
    names = list(dict.fromkeys(name for part in cell.split("|") if (name := part.strip())))
    text = "|".join(names)
    where = f"line {line} of {labels.name}"
    if not key:
        labels.rejections.append(Rejection("empty_key", f"{where} names no image", value=text))
    elif key not in labels.lines:
        labels.lines[key], labels.text[key] = line, text
        unknown = next((name for name in names if name not in findings), None)
        if not names:
            labels.defects[key] = "empty_labels", f"{where} gives no label; `No Finding` says that there is none"
        elif unknown is not None:
            near = difflib.get_close_matches(unknown, findings, n=1)
            labels.defects[key] = (
                "unknown_finding",
                (
                    f"{where} holds a label that ingest.dicom.findings does not list"
                    + (f"; the nearest known one is {near[0]}" if near else "")
                ),
            )
    elif set(names) != set(labels.text[key].split("|")):
        labels.defects[key] = "contradicting_labels", f"lines {labels.lines[key]} and {line} of {labels.name} disagree"
    else:
        labels.rejections.append(Rejection("duplicate_row", f"{where} repeats line {labels.lines[key]}", value=key))


def _row(file: DicomFile, max_bytes: int, known: Known | None) -> DicomRow | UnfitHeader:
    """From the header, or from what an earlier run made of it. Nothing is remembered of a forgotten patient."""
    if file.remembered:
        unfit, fields = json.loads(file.remembered)
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
