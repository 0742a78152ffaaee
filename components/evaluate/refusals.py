"""Why a fold cannot be measured, and what to do about it."""

import numpy as np

from components.errors import MedhashError
from components.evaluate.ranked import Ranked
from components.evaluate.tables import Tables
from components.index.code_table import PlacedCodes


def require_known_sets(queries: PlacedCodes, gallery: PlacedCodes, levels: np.ndarray) -> None:
    """Raises MedhashError if a bag has a label set that the table similarity does not know."""
    largest = max(queries.set_ids.max(initial=-1), gallery.set_ids.max(initial=-1))
    if largest >= len(levels):
        raise MedhashError(
            f"label set {largest} of labels.parquet has no row in similarity.parquet", "run the stage similarity again"
        )


def require_queries(queries: PlacedCodes, fold: str) -> None:
    """Raises MedhashError if the fold has no bag."""
    if not len(queries):
        raise MedhashError(
            f"fold {fold} has no case with a code, so nothing can be measured",
            f"give it patients: split.{fold}_share in params.yaml, or the publisher's list",
        )


def require_answerable(ranked: Ranked, queries: PlacedCodes, gallery: PlacedCodes, tables: Tables, fold: str) -> None:
    """Raises MedhashError naming the reason if nothing is relevant to any query."""
    if ranked.answerable.any():
        return
    labels_of = tables.labels_by_set()
    asked, offered = (
        {label for set_id in np.unique(part.set_ids).tolist() for label in labels_of.get(set_id, [])}
        for part in (queries, gallery)
    )
    if not asked:
        raise MedhashError(
            f"none of the {len(queries)} queries of fold {fold} carries a label",
            "add their findings to labels.classes in params.yaml, or set labels.no_finding to label",
        )
    if len(gallery) and not ranked.n_searched.any():
        raise MedhashError(
            f"every case that the {len(queries)} queries of fold {fold} could search is of the query's "
            "own patient, and those are left out",
            "ingest several patients, or check that the archive's patient ids tell patients apart",
        )
    absent = [tables.vocabulary.labels[label] for label in sorted(asked - offered)]
    detail = f" (no case of the gallery carries {', '.join(absent[:5])}{' …' * (len(absent) > 5)})" if absent else ""
    raise MedhashError(
        f"none of the {len(queries)} queries of fold {fold} shares a label with any of the "
        f"{len(gallery)} cases it searches{detail}",
        "check the split's shares and the labels' classes in params.yaml",
    )
