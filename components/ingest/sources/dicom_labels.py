"""The CSV of labels beside a folder of DICOM files: a row for each key, and rows that cannot be used."""

import csv
import difflib
import gzip
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from components.errors import MedhashError
from components.ingest.entries import Rejection
from components.params import DicomParams


@dataclass
class LabelTable:
    """Key → line, labels (joined by |), and what is wrong with them as (reason, detail). Keys are identifying."""

    name: str
    lines: dict[str, int] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)
    defects: dict[str, tuple[str, str]] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)


def read_labels(path: Path, settings: DicomParams) -> LabelTable:
    """Read and judge every row; a row that only repeats an earlier one is refused, one that contradicts it spoils both.

    Raises MedhashError where the file is absent, no CSV, without rows, or lacks a column.
    """
    labels = LabelTable(path.name)
    line = 1
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle)
            header = [title.strip() for title in next(reader, [])]
            key_at = _position(path, header, "key_column", settings.key_column)
            labels_at = _position(path, header, "labels_column", settings.labels_column)
            line = reader.line_num + 1
            for row in reader:
                if len(row) == len(header):
                    _take(labels, line, row[key_at].strip(), row[labels_at], settings.findings)
                elif row:
                    labels.rejections.append(
                        Rejection(
                            "malformed_row",
                            f"line {line} of {path.name}: {len(row)} fields, the header has {len(header)}",
                            value=",".join(row),
                        )
                    )
                line = reader.line_num + 1
    except FileNotFoundError as error:
        raise MedhashError(
            f"{path} does not exist",
            "set ingest.dicom.labels to the CSV that holds a row of labels for each image or examination",
        ) from error
    except OSError as error:
        if error.errno is None:  # gzip's own
            raise _not_csv(path, line, error) from error
        raise MedhashError(
            f"{path} cannot be read: {error.strerror}",
            "mend its permissions or its disk, or set ingest.dicom.labels to another CSV",
        ) from error
    except (csv.Error, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise _not_csv(path, line, error) from error
    if not labels.lines:
        raise MedhashError(f"{path} has a header and no row with a key", "give each image or examination its row")
    return labels


def _not_csv(path: Path, line: int, error: Exception) -> MedhashError:
    return MedhashError(
        f"{path}, line {line}: not readable as CSV text ({type(error).__name__})", "export the table again (CSV, UTF-8)"
    )


def _position(path: Path, header: list[str], setting: str, title: str) -> int:
    if header.count(title) == 1:
        return header.index(title)
    if title in header:
        raise MedhashError(f"{path}: column {title!r} stands there twice", "remove one of them")
    near = difflib.get_close_matches(title, header, n=1, cutoff=0.6)
    hint = f"; the nearest name found is {near[0]!r}" if near else ""
    raise MedhashError(
        f"{path}: column {title!r} is missing{hint}",
        f"set ingest.dicom.{setting} to the column's name in the first line",
    )


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
