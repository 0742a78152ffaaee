"""NIH's table Data_Entry_2017.csv: its columns, its values, and rows that cannot be taken."""

import csv
import difflib
import gzip
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from medhash.archives.entries import Entries, Rejection
from medhash.core.errors import MedhashError
from medhash.core.params.ingest import NIH_FINDINGS

COLUMNS = {
    "source_name": ("Image Index",),
    "labels": ("Finding Labels",),
    "follow_up": ("Follow-up #",),
    "patient": ("Patient ID",),
    "age": ("Patient Age",),
    "sex": ("Patient Gender", "Patient Sex"),
    "view": ("View Position",),
    # published as `OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]`, which a CSV reader splits in four
    "width": ("OriginalImage[Width",),
    "height": ("Height]",),
    "pixel_spacing": ("OriginalImagePixelSpacing[x",),
    "pixel_spacing_y": ("y]",),
}
"""Name here → its published headers."""
FINDINGS = frozenset((*NIH_FINDINGS, "No Finding"))
MAX_AGE = 120
TOP_AGE = 90
"""90 stands for 90 and above: a higher age would point at few people."""


def read_table(path: Path) -> Entries:
    """Read and judge every row. Raises MedhashError where the file or its header cannot be read."""
    header, lines, values = _read_csv(path)
    positions = _positions(path, header)
    if not values:
        raise MedhashError(f"{path} has a header and no rows", "restore the table as published")
    rejections: list[Rejection] = []
    good, index = [], []
    in_malformed: set[str] = set()  # so that its file does not count as one without a row
    for line, row in zip(lines, values, strict=True):
        if len(row) != len(header):
            rejections.append(
                Rejection(
                    "malformed_row",
                    f"{len(row)} fields, the header has {len(header)}",
                    line,
                    value=",".join(row),
                    patients=_possible_patients(row),
                )
            )
            in_malformed.update(field.strip() for field in row)
        else:
            good.append([row[position] for position in positions.values()])
            index.append(line)
    rows = pd.DataFrame(good, columns=list(positions), index=index, dtype="str")
    rows = rows.apply(lambda column: column.str.strip())
    names = in_malformed.union(rows["source_name"])
    for refuse in (_nameless, _repeated, _without_patient, _with_unknown_finding):
        refused = refuse(rows)
        rejections += refused
        rows = rows.drop([rejection.source_row for rejection in refused])
    return Entries(
        path.name, "finding", "xray", "chest", _typed(rows), frozenset(names), len(values), rejections, _patients_of
    )


def _read_csv(path: Path) -> tuple[list[str], list[int], list[list[str]]]:
    """Header, and line number and fields of each row; empty fields after the last column are cut off."""
    line = 1
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle)
            header = _trimmed([name.strip() for name in next(reader, [])], 0)
            lines, values = [], []
            line = reader.line_num + 1
            for row in reader:
                if row:
                    lines.append(line)
                    values.append(_trimmed(row, len(header)))
                line = reader.line_num + 1
    except (csv.Error, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise MedhashError(
            f"{path}, line {line}: not readable as CSV text ({type(error).__name__})",
            "restore the table as published (CSV, UTF-8)",
        ) from error
    return header, lines, values


def _trimmed(row: list[str], n_columns: int) -> list[str]:
    while len(row) > n_columns and not row[-1]:
        row = row[:-1]
    return row


def _positions(path: Path, header: list[str]) -> dict[str, int]:
    """Name here → position in the header."""
    unknown = [name for name in header if not any(name in published for published in COLUMNS.values())]
    positions = {}
    for name, published in COLUMNS.items():
        found = [position for position, title in enumerate(header) if title in published]
        if len(found) > 1:
            raise MedhashError(f"{path}: column {published[0]!r} stands there twice", "remove one of them")
        if not found:
            near = difflib.get_close_matches(published[0], unknown, n=1, cutoff=0.4)
            hint = f"; the nearest name found is {near[0]!r}" if near else ""
            raise MedhashError(
                f"{path}: column {' or '.join(map(repr, published))} is missing{hint}",
                "give the column its published name, or restore the table as published",
            )
        positions[name] = found[0]
    return positions


def _nameless(rows: pd.DataFrame) -> list[Rejection]:
    nameless = rows[rows["source_name"] == ""]
    return [
        Rejection("empty_image_name", "Image Index is empty", line, patients=(patient,))
        for line, patient in zip(nameless.index.tolist(), _number(nameless["patient"]), strict=True)
    ]


def _repeated(rows: pd.DataFrame) -> list[Rejection]:
    first = pd.Series(rows.index, index=rows["source_name"].array)
    first = first[~first.index.duplicated()]
    repeated = rows[rows["source_name"].duplicated()]
    return [
        Rejection("duplicate_row", f"row {first[name]} describes the same image", line, name, patients=(patient,))
        for (line, name), patient in zip(_lines_and_names(repeated), _number(repeated["patient"]), strict=True)
    ]


def _without_patient(rows: pd.DataFrame) -> list[Rejection]:
    empty = rows[rows["patient"] == ""]
    return [
        Rejection("empty_patient", "Patient ID is empty", line, name, patients=_patients_of(name))
        for line, name in _lines_and_names(empty)
    ]


def _with_unknown_finding(rows: pd.DataFrame) -> list[Rejection]:
    rejections = []
    known = {text for text in rows["labels"].unique() if _unknown_finding(text) is None}
    strange = rows[~rows["labels"].isin(known)]
    patients = _number(strange["patient"])
    for (line, name), text, patient in zip(_lines_and_names(strange), strange["labels"], patients, strict=True):
        unknown = _unknown_finding(text) or ""
        near = difflib.get_close_matches(unknown, sorted(FINDINGS), n=1)
        hint = f"; the nearest known one is {near[0]}" if near else ""
        rejections.append(
            Rejection(
                "unknown_finding",
                f"Finding Labels holds a finding that NIH does not list{hint}",
                line,
                name,
                unknown,
                (patient,),
            )
        )
    return rejections


def _unknown_finding(text: str) -> str | None:
    return next((part.strip() for part in text.split("|") if part.strip() not in FINDINGS), None)


def _lines_and_names(rows: pd.DataFrame) -> Iterator[tuple[int, str]]:
    return zip(rows.index.tolist(), rows["source_name"].tolist(), strict=True)


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    age = rows["age"].str.extract(r"^(\d{1,4})([YMWD]?)$", expand=True)
    years = pd.to_numeric(age[0], errors="coerce").mask(age[1].isin(["M", "W", "D"]), 0)  # an infant
    spacing = pd.to_numeric(rows["pixel_spacing"], errors="coerce")
    patient = _number(rows["patient"])
    return pd.DataFrame(
        {
            "source_name": rows["source_name"],
            "patient": patient,
            "study": patient + "\0" + _number(rows["follow_up"]),
            "labels": rows["labels"],
            "view": rows["view"].where(rows["view"].isin(["PA", "AP"])),
            "sex": rows["sex"].where(rows["sex"].isin(["F", "M"])),
            "age": years.where(years <= MAX_AGE).clip(upper=TOP_AGE),
            "width": _pixels(rows["width"]),
            "height": _pixels(rows["height"]),
            "pixel_spacing": spacing.where((spacing > 0) & (spacing < float("inf"))),
        }
    )


def _number(texts: pd.Series) -> pd.Series:
    """1, 01 and 00000001 are one patient: leading zeros come and go with the program that saved the table."""
    return texts.str.replace(r"^0+(?=\d+$)", "", regex=True)


def _possible_patients(row: list[str]) -> tuple[str, ...]:
    """Of a row whose fields stand in no known column: every field that may be a patient, or an image of one."""
    fields = [field.strip() for field in row]
    return (*_number(pd.Series(fields, dtype="str")), *(patient for field in fields for patient in _patients_of(field)))


def _patients_of(name: str) -> tuple[str, ...]:
    """Images are named after their patients: 00000001_000.png."""
    number, underscore, _ = name.partition("_")
    return (number.lstrip("0") or "0",) if underscore and number.isdigit() else ()


def _pixels(texts: pd.Series) -> pd.Series:
    sizes = pd.to_numeric(texts, errors="coerce")
    return sizes.where((sizes > 0) & (sizes < 2**31) & (sizes % 1 == 0))
