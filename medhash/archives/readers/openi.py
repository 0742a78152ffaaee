"""Open-i, the Indiana University chest X-rays as published: reports as XML, images as PNG or DICOM, a header table.

Source: D. Demner-Fushman et al., "Preparing a collection of radiology examinations for distribution and retrieval",
JAMIA 23(2), 2016, and the archive's own files. The table of this archive is made here: a row is an image of a report.
"""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from medhash.archives.entries import Entries, Rejection, SourceFile, require_offered
from medhash.archives.files import most_bytes
from medhash.archives.known import Known
from medhash.archives.readers.openi_images import TABLE, dicom_headers, images_of, listed_pa, table_headers
from medhash.archives.readers.openi_reports import IMAGES_PER_REPORT, Report, image_name, read_reports
from medhash.core.errors import MedhashError
from medhash.core.params.ingest import IngestParams, OpeniParams

_OF_THE_LUNG = ("hyperdistention", "hypoinflation")
"""Main headings do not separate these two from the rest of `lung`."""
_BAGS = ("image", "study")


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """The frontal images of the reports, labelled by their MeSH headings under the attribute `mesh`.

    Row number: 1000 × the report's place + the image's place in its report, both counted from 1. Reports are ordered
    by the numbers of their file names; 1000 × place alone is the report itself. The number stays the same as long as
    no report is added before. Reports do not name the patient, and the headers' patient id is the report's number. So
    patient and study are the report: folds keep reports whole, and no more than that.
    The header table is joined by its `imageid`, unchanged. Two images of report 1 are spelt differently in the reports
    and have no view by it, as in the published counts. Without that table, views come from DICOM headers.
    Prints how many images are left out as not frontal; they are no refusals.
    Raises MedhashError if there are no reports, if a table is damaged or lacks a column, and if the frontal rule needs
    views that are not known.
    """
    require_offered(settings.bags.by, _BAGS, "openi")
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
    sizes = {"width": np.nan, "height": np.nan}  # where no header has them, they come from the files
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


def headings(major: list[str], automatic: list[str], settings: OpeniParams) -> list[str]:
    """All headings of a report by the rule settings.mesh, in lower case, each once, in the report's order.

    A term reads `heading/qualifier/…`; its main heading is the part before the first `/`. Terms that begin
    `lung/hyperdistention` or `lung/hypoinflation` have the main headings `lung hyperdistention` and `lung
    hypoinflation`. A term that begins with `/` has none.
    main-heading: of every major term. exact: the whole of every major term, where `lung/hyperdistention` alone is
    `lung hyperdistention`. single-major: main-heading of reports with exactly one major term, and nothing of others.
    major-or-automatic: main-heading of every major and every automatic term, which a program found in the text.
    Source: Deep Residual Hashing, §4, names nine patterns and no rule; Shin et al., "Learning to Read Chest X-Rays",
    CVPR 2016, takes reports with a single heading. Deviation: the rule is a setting, as none gives the paper's count.
    """
    if settings.mesh == "single-major" and len(major) != 1:
        return []
    terms = major + automatic if settings.mesh == "major-or-automatic" else major
    found = (_heading(term, whole=settings.mesh == "exact") for term in terms)
    return list(dict.fromkeys(heading for heading in found if heading))


def _heading(term: str, whole: bool) -> str:
    parts = [part.strip() for part in term.lower().split("/")]
    if parts[0] == "lung" and len(parts) > 1 and parts[1] in _OF_THE_LUNG and not (whole and len(parts) > 2):
        return f"lung {parts[1]}"
    return "/".join(parts) if whole else parts[0]


def frontal(rows: pd.DataFrame, settings: OpeniParams, listed_pa: frozenset[str], archive: Path) -> pd.Series:
    """Whether each row's image is frontal by the rule settings.frontal.

    rows: view (PA, AP, LATERAL or null), place in the report (from 1), image (its id). Returns bool by row.
    first: place 1. first-not-lateral: and the view is not LATERAL. first-pa-or-ap: place 1, and the view is PA or AP,
    or the image is listed as PA. pa-or-ap, pa: the view is that. not-lateral: the view is not LATERAL; an unknown view
    (a third of the published ones) counts as not lateral.
    Raises MedhashError for rules that need views where `rows` has no such column.
    """
    if settings.frontal == "first":
        return rows["place"] == 1
    if "view" not in rows:
        raise MedhashError(
            f"ingest.openi.frontal: {settings.frontal} needs the images' views, and {archive} has neither {TABLE} "
            "(plain or .gz) nor DICOM files",
            f"put {TABLE} beside the reports, or fetch the images as DICOM (NLMCXR_dcm.tgz), or set "
            "ingest.openi.frontal to first, the one rule that needs no views",
        )
    facing, lateral = rows["view"].isin(["PA", "AP"]), rows["view"] == "LATERAL"
    match settings.frontal:
        case "first-not-lateral":
            return (rows["place"] == 1) & ~lateral
        case "first-pa-or-ap":
            return (rows["place"] == 1) & (facing | rows["image"].isin(listed_pa))
        case "pa-or-ap":
            return facing
        case "pa":
            return rows["view"] == "PA"
        case "not-lateral":
            return ~lateral


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
