"""NIH ChestX-ray14 as published: Data_Entry_2017*.csv, two official lists, images in tars or folders.

Source: X. Wang et al., "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on Weakly-Supervised
Classification and Localization of Common Thorax Diseases", CVPR 2017, and the archive's own file list.
"""

import difflib
import gzip
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path

import pandas as pd

from medhash.archives.entries import Entries, Rejection, SourceFile, require_offered
from medhash.archives.files import IMAGE_SUFFIXES, folder_files, most_bytes, tar_files
from medhash.archives.known import Known
from medhash.archives.readers.csv_tables import csv_lines, find_columns
from medhash.archives.readers.terms import MAX_AGE, TOP_AGE
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams
from medhash.core.params.ingest import NIH_FINDINGS

_LISTS = {"train_val": "train_val_list.txt", "test": "test_list.txt"}
_SHOWN = 10
_TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
"""The corrected table of 2020 goes before the first release."""
_BAGS = ("image", "study", "patient")
_TARS = ("images_*.tar.gz", "images_*.tgz", "images_*.tar")
_FOLDERS = ("images", "images_*", "images_*/images")
_TITLES = {
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
_COLLECTION = "Collection"
"""A column that NIH does not publish: which collection a film came from, where the archive joins several."""
_FINDINGS = frozenset((*NIH_FINDINGS, "No Finding"))


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """The archive's table with the official folds.

    A column `Collection`, which NIH's own table lacks, becomes the labels of the attribute `collection`.
    Raises MedhashError where the table is absent or lacks a column, or where a list contradicts the other.
    """
    require_offered(settings.bags.by, _BAGS, "nih")
    paths = (archive / f"{name}{packed}" for name in _TABLES for packed in ("", ".gz"))
    table = next((path for path in paths if path.is_file()), None)
    if table is None:
        raise MedhashError(
            f"{archive} holds no {' or '.join(_TABLES)} (plain or .gz)",
            "set ingest.archive to the folder that holds NIH ChestX-ray14 as published",
        )
    entries = read_data_entry(table)
    entries.rows["official_fold"] = official_folds(archive, entries)
    if settings.bags.by != "image":
        entries.rows["bag"] = entries.rows[settings.bags.by]
    return entries


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """Every image file of the archive, tars first.

    Raises MedhashError where there is neither tar nor folder of images, and where a tar is unsafe or damaged.
    """
    tars = sorted({path for pattern in _TARS for path in archive.glob(pattern) if path.is_file()})
    folders = sorted({path for pattern in _FOLDERS for path in archive.glob(pattern) if _holds_images(path)})
    if not tars and not folders:
        raise MedhashError(
            f"{archive} holds no images_*.tar.gz, no images_*.tar and no folder of images",
            "fetch the images, or index the table alone with --metadata-only (ingest.metadata_only: true)",
        )
    return _files(tars, folders, most_bytes(settings), known)


def official_folds(archive: Path, entries: Entries) -> pd.Series:
    """`train_val`, `test` or null for each row; null everywhere where the archive has no lists.

    Raises MedhashError where an image or a patient is in both lists, naming rows of the table.
    """
    names = {fold: _read_list(archive, file) for fold, file in _LISTS.items()}
    lists = f"{archive / _LISTS['train_val']} and {_LISTS['test']}"
    rows = entries.rows
    twice = rows.index[rows["source_name"].isin(names["train_val"] & names["test"])]
    if len(twice):
        raise MedhashError(
            f"{len(twice)} images are in both {lists}: {_rows(entries, twice)}",
            "restore the lists as published; an image belongs to one of them",
        )
    folds = pd.Series(None, index=rows.index, dtype="str")
    for fold, listed in names.items():
        folds[rows["source_name"].isin(listed)] = fold
    in_both = rows["patient"].map(folds.groupby(rows["patient"]).nunique()) > 1
    if in_both.any():
        n_patients = rows.loc[in_both, "patient"].nunique()
        raise MedhashError(
            f"{n_patients} patients are in both {lists}: {_rows(entries, rows.index[in_both & folds.notna()])}",
            "move all images of a patient to one list, or restore the lists as published; a patient in both would be "
            "searched for among their own images",
        )
    return folds


def _read_list(archive: Path, name: str) -> frozenset[str]:
    path = next((path for path in (archive / name, archive / f"{name}.gz") if path.is_file()), None)
    if path is None:
        return frozenset()
    data = path.read_bytes()
    try:
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise MedhashError(f"{path} is damaged ({type(error).__name__})", "restore the list as published") from error
    return frozenset(line.strip() for line in text.splitlines() if line.strip())


def _rows(entries: Entries, rows: pd.Index) -> str:
    shown = ", ".join(str(row) for row in rows[:_SHOWN])
    return f"rows {shown}{' …' if len(rows) > _SHOWN else ''} of {entries.table}"


def _files(tars: list[Path], folders: list[Path], max_bytes: int, known: Known | None) -> Generator[SourceFile]:
    for tar in tars:
        yield from tar_files(tar, max_bytes, known=known)
    for folder in folders:
        yield from folder_files(folder, max_bytes, known=known)


def _holds_images(path: Path) -> bool:
    return path.is_dir() and any(file.name.lower().endswith(IMAGE_SUFFIXES) for file in path.iterdir())


def read_data_entry(path: Path) -> Entries:
    """Read and judge every row. Raises MedhashError where the file or its header cannot be read."""
    header, lines, values = _read_csv(path)
    titles = _TITLES | ({"collection": (_COLLECTION,)} if _COLLECTION.lower() in map(str.lower, header) else {})
    positions = find_columns(path, header, titles)
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
            in_malformed.update(row)
        else:
            good.append([row[position] for position in positions.values()])
            index.append(line)
    rows = pd.DataFrame(good, columns=list(positions), index=index, dtype="str")
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
    rows = csv_lines(path, ",", "restore the table as published (CSV, UTF-8)")
    header = _trimmed(next(rows)[1], 0)
    lines, values = [], []
    for line, row in rows:
        lines.append(line)
        values.append(_trimmed(row, len(header)))
    return header, lines, values


def _trimmed(row: list[str], n_columns: int) -> list[str]:
    while len(row) > n_columns and not row[-1]:
        row = row[:-1]
    return row


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
        near = difflib.get_close_matches(unknown, sorted(_FINDINGS), n=1)
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
    return next((part.strip() for part in text.split("|") if part.strip() not in _FINDINGS), None)


def _lines_and_names(rows: pd.DataFrame) -> Iterator[tuple[int, str]]:
    return zip(rows.index.tolist(), rows["source_name"].tolist(), strict=True)


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    age = rows["age"].str.extract(r"^(\d{1,4})([YMWD]?)$", expand=True)
    years = pd.to_numeric(age[0], errors="coerce").mask(age[1].isin(["M", "W", "D"]), 0)  # an infant
    spacing = pd.to_numeric(rows["pixel_spacing"], errors="coerce")
    patient = _number(rows["patient"])
    collection = {"labels:collection": rows["collection"]} if "collection" in rows else {}
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
            **collection,
        }
    )


def _number(texts: pd.Series) -> pd.Series:
    """1, 01 and 00000001 are one patient: leading zeros come and go with the program that saved the table."""
    return texts.str.replace(r"^0+(?=\d+$)", "", regex=True)


def _possible_patients(row: list[str]) -> tuple[str, ...]:
    """Of a row with the wrong number of fields: every field that may be a patient, or an image of one."""
    return (*_number(pd.Series(row, dtype="str")), *(patient for field in row for patient in _patients_of(field)))


def _patients_of(name: str) -> tuple[str, ...]:
    """Images are named after their patients: 00000001_000.png."""
    number, underscore, _ = name.partition("_")
    return (number.lstrip("0") or "0",) if underscore and number.isdigit() else ()


def _pixels(texts: pd.Series) -> pd.Series:
    sizes = pd.to_numeric(texts, errors="coerce")
    return sizes.where((sizes > 0) & (sizes < 2**31) & (sizes % 1 == 0))
