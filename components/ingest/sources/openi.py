"""Open-i, the Indiana University chest X-rays as published: reports as XML, images as PNG or DICOM, a header table.

Source: D. Demner-Fushman et al., "Preparing a collection of radiology examinations for distribution and retrieval",
JAMIA 23(2), 2016, and the archive's own files. The table of this archive is made here: a row is an image of a report.
"""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from components.errors import MedhashError
from components.ingest.entries import Entries, Rejection, SourceFile
from components.ingest.known import Known
from components.ingest.sources.bag_choice import require_offered
from components.ingest.sources.files import most_bytes
from components.ingest.sources.openi_files import images_of
from components.ingest.sources.openi_frontal import frontal
from components.ingest.sources.openi_headers import dicom_headers, listed_pa, table_headers
from components.ingest.sources.openi_mesh import headings
from components.ingest.sources.openi_reports import IMAGES_PER_REPORT, Report, image_name, read_reports
from components.params import IngestParams

BAGS = ("image", "study")


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """The frontal images of the reports, labelled by their MeSH headings under the attribute `mesh`.

    Row number: 1000 × the report's place + the image's place in its report, both counted from 1, reports in the order
    of their file names' numbers; 1000 × place alone is the report itself. It stays as long as no report is added
    before. Reports do not say who was examined, and the headers' patient id is the report's number: patient and study
    are the report, so folds that keep patients whole keep reports whole, and no more.
    The header table is joined by its `imageid` as it stands there: two images of report 1 are spelt otherwise in the
    reports and have no view by it, as in the published counts. Without that table, views come from DICOM headers.
    Prints how many images are left out as not frontal, which is no refusal.
    Raises MedhashError where there are no reports, where a table is damaged or lacks a column, and where the frontal
    rule needs views that nothing tells.
    """
    require_offered(settings.bags.by, BAGS, "openi")
    table, reports, rejections = read_reports(archive)
    rows = _rows(reports, settings)
    names = frozenset(rows["source_name"]) - {""}
    refused_reports = {rejection.source_row for rejection in rejections}
    rows = rows[~(rows.index // IMAGES_PER_REPORT * IMAGES_PER_REPORT).isin(refused_reports)]
    n_rows = len(rows) + len(rejections)
    refused = _nameless(rows) + _repeated(rows)
    rows = rows.drop([rejection.source_row for rejection in refused])
    rows, damaged = _with_headers(rows, archive, settings)
    kept = frontal(rows, settings.openi, listed_pa(archive), archive)
    n_imageless = sum(not report.images for report in reports)
    print(
        f"{int((~kept).sum()):,} images left out by ingest.openi.frontal: {settings.openi.frontal}, "
        f"{n_imageless:,} reports without an image"
    )
    rows = rows[kept].drop(columns=["image", "place"])
    if settings.bags.by == "study":
        rows = rows.assign(bag=rows["study"])
    sizes = {"width": np.nan, "height": np.nan}  # where no header tells them, the files will
    return Entries(
        f"{table} (row = {IMAGES_PER_REPORT} × report + image)",
        "mesh",
        "xray",
        "chest",
        rows if "width" in rows else rows.assign(**sizes),
        names,
        n_rows,
        rejections + refused + damaged,
        _patients_of,
    )


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """Every image file of the archive, DICOM where there is any, otherwise PNG; named as the reports name them.

    Raises MedhashError where there are none, and where a tar is unsafe or damaged.
    """
    images = images_of(archive)
    if images is None:
        raise MedhashError(
            f"{archive} holds no NLMCXR_png.tgz, no NLMCXR_dcm.tgz and no folder of images",
            "fetch the images, or index the reports alone with --metadata-only (ingest.metadata_only: true)",
        )
    for file in images.files(most_bytes(settings), known.named(_name_of) if known else None):
        yield replace(file, name=_name_of(file.name))


def _name_of(file_name: str) -> str:
    return image_name(PurePosixPath(file_name).stem)


def _patients_of(name: str) -> tuple[str, ...]:
    """Images are named after their reports: CXR1_IM-0001-3001."""
    return (name.partition("_")[0],)


def _rows(reports: list[Report], settings: IngestParams) -> pd.DataFrame:
    """A row for each image; without labels (null) where the rule finds no heading in its report."""
    rows = []
    for report in reports:
        labels = "|".join(headings(report.major, report.automatic, settings.openi)) or None
        rows += [
            (report.row + place, image_name(image), report.report_id, report.report_id, labels, image, place)
            for place, image in enumerate(report.images, start=1)
        ]
    columns = ["row", "source_name", "patient", "study", "labels", "image", "place"]
    return pd.DataFrame(rows, columns=columns, dtype=object).set_index("row").astype({"place": int})


def _nameless(rows: pd.DataFrame) -> list[Rejection]:
    nameless = rows[rows["image"] == ""]
    return [
        Rejection("empty_image_name", "parentImage has no id", row, patients=(patient,))
        for row, patient in zip(nameless.index.tolist(), nameless["patient"], strict=True)
    ]


def _repeated(rows: pd.DataFrame) -> list[Rejection]:
    first: dict[str, int] = {}
    rejections = []
    for row, name, patient in zip(rows.index.tolist(), rows["source_name"], rows["patient"], strict=True):
        if name and first.setdefault(name, row) != row:
            rejections.append(
                Rejection(
                    "duplicate_row", f"row {first[name]} describes the same image", row, name, patients=(patient,)
                )
            )
    return rejections


def _with_headers(rows: pd.DataFrame, archive: Path, settings: IngestParams) -> tuple[pd.DataFrame, list[Rejection]]:
    """The rows with what the header table or else the DICOM headers say, and the rows whose header is damaged."""
    table, images = table_headers(archive), images_of(archive)
    if table is not None:
        return rows.join(table, on="image"), []
    if images is None or not images.are_dicom:
        return rows, []
    headers, damaged = dicom_headers(images, most_bytes(settings))
    without = rows.index[rows["source_name"].isin(damaged)]
    rejections = [
        Rejection(
            "damaged",
            "the DICOM header cannot be read",
            row,
            rows.loc[row, "source_name"],
            patients=(rows.loc[row, "patient"],),
        )
        for row in without.tolist()
    ]
    return rows.drop(without).join(headers, on="source_name"), rejections
