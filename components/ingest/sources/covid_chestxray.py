"""Cohen's COVID-19 Image Data Collection as published: metadata.csv, and radiographs and CT slices in images/.

Source: J. P. Cohen et al., "COVID-19 Image Data Collection: Prospective Predictions Are the Future", Journal of Machine
Learning for Biomedical Imaging 1, 2020, and the collection's own metadata.
"""

from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pandas as pd

from components.errors import MedhashError
from components.ingest.entries import Entries, Rejection, SourceFile
from components.ingest.known import Known
from components.ingest.sources.bag_choice import require_offered
from components.ingest.sources.covid_chestxray_table import COLUMNS as _TITLES
from components.ingest.sources.covid_chestxray_table import TABLE, left_out, read_row
from components.ingest.sources.files import folder_files, most_bytes
from components.ingest.sources.published_csv import plain_or_packed, read_rows
from components.params import IngestParams

BAGS = ("image", "study", "patient")
_COLUMNS = ("source_name", "patient", "study", "labels", "modality", "view", "sex", "age")
_UNKNOWN = {"width": None, "height": None, "pixel_spacing": None, "official_fold": None}


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """A row per line of metadata.csv, labelled under `pathology`; a study is a patient's images of one day.

    Of the table only patient, day, finding, view, modality, sex, age, folder and file name are read: notes, places,
    addresses and publications identify. `todo` and `Unknown` are no labels. Prints how many lateral views (unless
    ingest.covid_chestxray.lateral) and NIfTI volumes are left out.
    Raises MedhashError where the table is absent or lacks a column.
    """
    require_offered(settings.bags.by, BAGS, "covid_chestxray")
    table = plain_or_packed(archive, TABLE)
    if table is None:
        raise MedhashError(
            f"{archive} holds no {TABLE}",
            "set ingest.archive to the folder that holds the COVID-19 Image Data Collection as published",
        )
    rows, index, rejections = [], [], []
    n_left_out: Counter[str] = Counter()
    names: dict[str, int] = {}
    in_malformed: set[str] = set()
    for line, cells in read_rows(table, _TITLES):
        if isinstance(cells, dict) and (why := left_out(cells, settings.covid_chestxray.lateral)):
            n_left_out[why] += 1
            names.setdefault(cells["name"], line)
            continue
        row = read_row(line, cells, names)
        if isinstance(cells, list):  # so that its file does not count as one without a row
            in_malformed.update(cells)
        if isinstance(row, Rejection):
            rejections.append(row)
        else:
            rows.append(row)
            index.append(line)
    for why, n in sorted(n_left_out.items()):
        print(f"{n:,} {why} are left out")
    frame = pd.DataFrame(rows, index=index, columns=list(_COLUMNS)).assign(**_UNKNOWN)
    if settings.bags.by != "image":
        frame["bag"] = frame[settings.bags.by]
    return Entries(
        TABLE,
        "pathology",
        "xray",
        "chest",
        frame,
        frozenset(in_malformed.union(names)),
        len(rows) + len(rejections),
        rejections,
    )


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """Every image file of images/ beside the table. Raises MedhashError where there is no such folder."""
    table = plain_or_packed(archive, TABLE)
    folder = (table.parent if table else archive) / "images"
    if not folder.is_dir():
        raise MedhashError(
            f"{folder} does not exist",
            "fetch the collection's images, or index the table alone with --metadata-only (ingest.metadata_only: true)",
        )
    yield from folder_files(folder, most_bytes(settings), known=known)
