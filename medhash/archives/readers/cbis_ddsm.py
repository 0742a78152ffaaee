"""CBIS-DDSM as published: four case tables, films and cut-outs of their abnormalities as DICOM, PNG or JPEG.

Source: R. S. Lee et al., "A curated mammography data set for use in computer-aided detection and diagnosis research",
Scientific Data 4, 2017, and the archive's own tables.
"""

import re
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from medhash.archives.dicom_header import is_dicom, read_header
from medhash.archives.entries import Entries, SourceFile, require_offered
from medhash.archives.files import IMAGE_SUFFIXES, most_bytes, tree_files
from medhash.archives.integrity import Unreadable
from medhash.archives.known import NO_IMAGE, Known
from medhash.archives.readers.cbis_ddsm_tables import (
    EXCLUDED,
    SIDES,
    TABLES,
    Abnormality,
    CaseTables,
    patients_in,
    read_tables,
)
from medhash.core.params.ingest import IngestParams

_SUFFIXES = (".dcm", *IMAGE_SUFFIXES)
_CASE = re.compile(r"((?:Calc|Mass)-(?:Training|Test))_P_\d+_(?:LEFT|RIGHT)_(?:CC|MLO)(_\d+)?")
_SERIES = re.compile(r"1\.3\.6\.1\.4\.1\.9590\.[\d.]+")
_SERIES_DESCRIPTION, _BITS_ALLOCATED = 0x0008103E, 0x00280100
_BAGS = ("image", "breast", "patient")
_SEVERITY = ("malignant", "benign", "normal")
"""The worst first."""
_TABLE = "the case tables (row = 1,000,000 × table + line; tables: calc train, calc test, mass train, mass test)"
_COLUMNS = (
    "row",
    "source_name",
    "patient",
    "study",
    "view",
    "laterality",
    "official_fold",
    "labels",
    "labels:abnormality",
    "labels:density",
    "breast",
)


class CaseNames:
    """From a file's path to the case it shows, as the tables name it."""

    def __init__(self, tables: CaseTables, cropped: bool) -> None:
        self.cropped = cropped
        self._collections = tables.collections
        self._series: dict[str, str | None] = {}
        """Series → its case; None for those that are not wanted, and for those that two cases claim."""
        for row in tables.rows:
            for series, case in (
                (row.image_series, None if cropped else row.image),
                (row.crop_series, row.crop if cropped else None),
            ):
                if series and self._series.setdefault(series, case) != case:
                    self._series[series] = None

    def name_of(self, path: str) -> str | None:
        """The case; None for files that are not wanted. The name of a file of no case is its path.

        The outermost folder that names a case or a series of the tables decides, then the file's own name.
        """
        parts = PurePosixPath(path)
        if "mask" in parts.stem.lower():
            return None
        for part in (*parts.parent.parts, parts.stem):
            if found := _CASE.fullmatch(part):
                is_wanted = found[1] in self._collections and bool(found[2]) == self.cropped
                return part if is_wanted else None
            if part in self._series:
                return self._series[part]
            if _SERIES.fullmatch(part) and len(self._collections) < len(TABLES):
                return None  # probably of a table that is not there
        return path


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per published film, or per cut-out with ingest.cbis_ddsm.images: cropped.

    Row number: 1,000,000 × table + line of its first abnormality. Tables count from 1: calc train, calc test, mass
    train, mass test, present or not.
    A film's labels are those of all abnormalities of its patient, breast and view, with the worst pathology. A film
    with calcifications and masses is published once with each, and shows both either way. A cut-out has its own labels.
    Rows that ingest.cbis_ddsm.benign_without_callback excludes are counted in print; they are no refusals.
    Raises MedhashError if no table can be read or one lacks a column, and for other bags than image, breast and
    patient.
    """
    require_offered(settings.bags.by, _BAGS, "cbis_ddsm")
    tables = read_tables(archive, settings.cbis_ddsm)
    cropped = settings.cbis_ddsm.images == "cropped"
    taken = [row for row in tables.rows if row.label != EXCLUDED]
    films, images = defaultdict(list), defaultdict(list)
    for row in taken:
        films[row.film].append(row)
        images[row.crop if cropped else row.image].append(row)
    frame = (
        pd.DataFrame(
            [_entry(name, rows, rows if cropped else films[rows[0].film]) for name, rows in images.items()],
            columns=list(_COLUMNS),
        )
        .set_index("row")
        .sort_index()
    )
    if settings.bags.by != "image":
        frame["bag"] = frame[settings.bags.by]
    n_in_both = int((frame.groupby("patient")["official_fold"].nunique() > 1).sum())
    print(
        f"{tables.n_rows:,} rows of {len(tables.collections)} of 4 tables: {len(frame):,} images of {len(films):,} "
        f"films; {len(tables.rows) - len(taken):,} rows left out as benign without callback; {n_in_both} patients "
        "stand in train and test tables"
    )
    names = {row.crop if cropped else row.image for row in tables.rows}
    names |= {rejection.source_name for rejection in tables.rejections} - {""}
    constant = {"sex": None, "age": np.nan, "width": np.nan, "height": np.nan, "pixel_spacing": np.nan}
    return Entries(
        _TABLE,
        "pathology",
        "mammography",
        "breast",
        frame.drop(columns="breast").assign(**constant),
        frozenset(names),
        tables.n_rows,
        tables.rejections,
        patients_in,
    )


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """The files of films, or of cut-outs. Raises MedhashError where a table or a folder cannot be read."""
    return case_files(archive, read_tables(archive, settings.cbis_ddsm), settings, known)


def case_files(archive: Path, tables: CaseTables, settings: IngestParams, known: Known | None) -> Generator[SourceFile]:
    """The image files of films, or of cut-outs, each under the name of its case; masks are left out.

    Raises MedhashError where a folder cannot be listed.
    """
    names = CaseNames(tables, settings.cbis_ddsm.images == "cropped")
    max_bytes = most_bytes(settings)
    for file in tree_files(archive, max_bytes, names.name_of, _SUFFIXES, known):
        if names.cropped and (file.remembered == NO_IMAGE or _is_mask(file.data)):
            if known and not file.remembered:
                known.put(file.place, NO_IMAGE)
            continue
        yield file


def _is_mask(data: bytes) -> bool:
    """Mask and cut-out are in one folder, and the tables' paths mix them up: their headers differ.

    By the series description, and where it does not say, by the 8 bits of a mask against a cut-out's 16.
    """
    if not is_dicom(data):
        return False
    try:
        header = read_header(data, (_SERIES_DESCRIPTION, _BITS_ALLOCATED), len(data))
    except Unreadable:  # the scan will say why
        return False
    described = header.text(_SERIES_DESCRIPTION).lower()
    return "mask" in described or ("crop" not in described and header.integers(_BITS_ALLOCATED)[:1] == [8])


def _entry(name: str, rows: list[Abnormality], shown: list[Abnormality]) -> tuple[object, ...]:
    """rows: the abnormalities under whose name the image is published; shown: all that it shows."""
    first = rows[0]
    densities = sorted({row.density for row in shown} - {""})
    return (
        first.row,
        name,
        first.patient,
        first.patient,
        first.view,
        SIDES[first.side],
        first.fold,
        min((row.label for row in shown), key=_SEVERITY.index),
        "|".join(sorted({row.kind for row in shown})),
        "|".join(densities),
        f"{first.patient}_{first.side}",
    )
