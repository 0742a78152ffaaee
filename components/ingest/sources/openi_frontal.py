"""Which of a report's images are frontal, under one of six rules."""

from pathlib import Path

import pandas as pd

from components.errors import MedhashError
from components.ingest.sources.openi_headers import TABLE
from components.params import OpeniParams


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
