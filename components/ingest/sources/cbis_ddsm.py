"""CBIS-DDSM as published: four case tables, films and cut-outs of their abnormalities as DICOM, PNG or JPEG.

Source: R. S. Lee et al., "A curated mammography data set for use in computer-aided detection and diagnosis research",
Scientific Data 4, 2017, and the archive's own tables.
"""

from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pandas as pd

from components.ingest.entries import Entries, SourceFile
from components.ingest.known import Known
from components.ingest.sources.bag_choice import require_offered
from components.ingest.sources.cbis_ddsm_files import case_files
from components.ingest.sources.cbis_ddsm_table import EXCLUDED, SIDES, Abnormality, patients_in, read_tables
from components.params import IngestParams

BAGS = ("image", "breast", "patient")
SEVERITY = ("malignant", "benign", "normal")
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


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per published film, or per cut-out with ingest.cbis_ddsm.images: cropped.

    Row number: 1,000,000 × table + line of its first abnormality, tables counted from 1 in the order calc train, calc
    test, mass train, mass test, whichever of them are there.
    A film's labels are those of all abnormalities of that patient, breast and view, the worst pathology of them: a
    film with calcifications and masses is published twice, once with each, and shows both either way. A cut-out has
    its own. Rows that ingest.cbis_ddsm.benign_without_callback excludes are counted in print, and no refusal.
    Raises MedhashError where there is no table, where one cannot be read or lacks a column, and for other bags than
    image, breast and patient.
    """
    require_offered(settings.bags.by, BAGS, "cbis_ddsm")
    tables = read_tables(archive, settings.cbis_ddsm)
    cropped = settings.cbis_ddsm.images == "cropped"
    taken = [row for row in tables.rows if row.label != EXCLUDED]
    films, images = defaultdict(list), defaultdict(list)
    for row in taken:
        films[row.film].append(row)
        images[row.crop if cropped else row.image].append(row)
    frame = (
        pd.DataFrame(
            [_row(name, rows, rows if cropped else films[rows[0].film]) for name, rows in images.items()],
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


def _row(name: str, rows: list[Abnormality], shown: list[Abnormality]) -> tuple[object, ...]:
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
        min((row.label for row in shown), key=SEVERITY.index),
        "|".join(sorted({row.kind for row in shown})),
        "|".join(densities),
        f"{first.patient}_{first.side}",
    )
