"""The figures of a method, from its codes and the relevance between label sets."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medhash.core.contracts import QUERIES
from medhash.core.documents import Interval, Metrics, StructuredFigures
from medhash.core.errors import MedhashError
from medhash.core.params import EvaluateParams
from medhash.retrieval.code_table import PlacedCodes, code_info, place_codes
from medhash.retrieval.evaluation.attributes import structured_figures
from medhash.retrieval.evaluation.galleries import (
    UNSEEN_FOLDS,
    Count,
    by_hamming,
    gallery_figures,
    precision_of,
    validation_lift,
)
from medhash.retrieval.evaluation.ranked import PerQuery, Ranked, rank_by_euclidean, rank_by_hamming
from medhash.retrieval.evaluation.slices import slice_figures
from medhash.retrieval.evaluation.tables import Tables
from medhash.retrieval.index import GALLERY_FOLDS
from medhash.retrieval.measures.bootstrap import patient_bootstrap
from medhash.retrieval.measures.hamming import as_words
from medhash.retrieval.measures.set_counts import SetCounter, count_by_euclidean


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


_BLOCK_ROWS = 4096


def evaluation_digest(queries: PlacedCodes, gallery: PlacedCodes, levels: np.ndarray) -> str:
    """SHA-256 over the ids, patients and label sets of queries and gallery, and the levels between the sets.

    Figures are comparable where it is equal: the codes, and so the method, play no part.
    """
    digest = hashlib.sha256()
    for part in (queries, gallery):
        for start in range(0, len(part), _BLOCK_ROWS):
            rows = zip(
                *(
                    column[start : start + _BLOCK_ROWS].tolist()
                    for column in (part.bag_ids, part.patient_ids, part.set_ids)
                ),
                strict=True,
            )
            text = "".join(f"{bag_id} {patient_id} {set_id}\n" for bag_id, patient_id, set_id in rows)
            digest.update(text.encode())
        digest.update(b"\n")
    digest.update(levels.astype("<i2").tobytes())
    return digest.hexdigest()


WITH_INTERVAL = (
    "map",
    "ndcg_at_100",
    "acg_at_100",
    "weighted_map",
    "precision_at_1",
    "precision_at_5",
    "precision_at_10",
    "precision_h2",
)


class Evaluation(NamedTuple):
    """Document Metrics and contract QUERIES of one method."""

    metrics: Metrics
    queries: pa.Table


def measure(
    codes: pa.Table, tables: Tables, settings: EvaluateParams, seed: int, threads: int | None = None
) -> Evaluation:
    """Measure retrieval: test bags search train and val, val bags search train.

    codes: contract `codes_schema` with its schema metadata. Pairs of one patient are left out. Queries without a
    relevant case are in no mean. Without a val fold the validation figures are None. Figures of two methods compare
    where evaluation_digest is equal: the same queries, gallery and relevance.
    threads: None for `available_threads`; the result does not depend on it.
    Raises MedhashError if the tables do not fit each other, or if no query has a relevant case in its gallery.
    """
    placed, levels = place_codes(codes, tables.labels), tables.level_matrix()

    def search(asking: tuple[str, ...], searched: tuple[str, ...]) -> Ranked:
        return rank_by_hamming(placed.of_folds(*asking), placed.of_folds(*searched), levels, threads)

    def structured(ranked: Ranked) -> StructuredFigures | None:
        return structured_figures(codes.sort_by("bag_id"), placed, ranked, tables, settings, seed, threads)

    return _measured(codes, placed, levels, search, by_hamming, tables, settings, seed, structured)


def measure_relaxed(
    codes: pa.Table,
    relaxed: np.ndarray,
    tables: Tables,
    settings: EvaluateParams,
    seed: int,
    threads: int | None = None,
) -> Evaluation:
    """The same for a method that is not binarised: bags are ranked by the Euclidean distance of relaxed codes.

    relaxed: float32, (N, K), in [-1, 1], the row order of `codes`, which must be its signs (1 where h ≥ 0): the
    figures about bits and distinct codes are theirs. Radius ρ of P@H2 and of the curve is a squared distance of 4 ρ,
    the same on codes of -1 and +1. Takes a sort per query: an upper bound for a table, not for a daily run.
    Raises MedhashError also where the relaxed codes do not fit the binary ones.
    """
    placed, levels = place_codes(codes, tables.labels), tables.level_matrix()
    if relaxed.shape != (len(placed), 8 * placed.codes.shape[1]) or not (np.abs(relaxed) <= 1).all():
        raise MedhashError(
            f"relaxed codes of shape {relaxed.shape} do not lie in [-1, 1] or do not belong to "
            f"{len(placed)} codes of {8 * placed.codes.shape[1]} bits",
            "encode them again, and take the relaxed codes from the same run",
        )
    relaxed = relaxed[pc.sort_indices(codes["bag_id"]).to_numpy()]
    if (np.packbits(relaxed >= 0, axis=1) != placed.codes).any():
        raise MedhashError(
            "the binary codes are not the signs of the relaxed ones",
            "encode them again, and take both codes from the same run and in the same order",
        )

    def search(asking: tuple[str, ...], searched: tuple[str, ...]) -> Ranked:
        return rank_by_euclidean(
            placed.of_folds(*asking),
            relaxed[np.isin(placed.folds, asking)],
            placed.of_folds(*searched),
            relaxed[np.isin(placed.folds, searched)],
            levels,
            threads,
        )

    row_of = {bag_id: row for row, bag_id in enumerate(placed.bag_ids.tolist())}

    def count(queries: PlacedCodes, gallery: PlacedCodes) -> SetCounter:
        of_queries, of_gallery = (
            relaxed[[row_of[bag_id] for bag_id in part.bag_ids.tolist()]] for part in (queries, gallery)
        )
        return count_by_euclidean(of_queries, of_gallery, gallery.set_ids, queries.patient_ids, gallery.patient_ids)

    return _measured(codes, placed, levels, search, count, tables, settings, seed)


def _measured(
    codes: pa.Table,
    placed: PlacedCodes,
    levels: np.ndarray,
    search: Callable[[tuple[str, ...], tuple[str, ...]], Ranked],
    count: Count,
    tables: Tables,
    settings: EvaluateParams,
    seed: int,
    structured: Callable[[Ranked], StructuredFigures | None] = lambda _: None,
) -> Evaluation:
    info = code_info(codes.schema)
    queries, gallery = placed.of_folds("test"), placed.of_folds(*GALLERY_FOLDS)
    require_known_sets(queries, gallery, levels)
    require_queries(queries, "test")
    ranked = search(("test",), GALLERY_FOLDS)
    require_answerable(ranked, queries, gallery, tables, "test")

    asking, searched = placed.of_folds("val"), placed.of_folds("train")
    validation = search(("val",), ("train",)) if len(asking) else None
    if validation is not None:
        require_answerable(validation, asking, searched, tables, "val")

    exchanged, unseen = precision_of(queries, gallery, levels, seed, count), placed.of_folds(*UNSEEN_FOLDS)
    among_unseen = precision_of(queries, unseen, levels, seed, count)
    metrics = Metrics(
        method=info.method,
        bits=info.bits,
        n_queries=len(queries),
        n_gallery=len(gallery),
        no_relevant_rate=float((~ranked.answerable).mean()),
        figures=ranked.figures(),
        chance=ranked.chance_figures(),
        intervals=_intervals(
            ranked.per_query.answerable(), queries.patient_ids[ranked.answerable], settings.bootstrap_samples, seed
        ),
        slices=slice_figures(queries, ranked, exchanged, tables, settings.bootstrap_samples, seed),
        curve=ranked.curve(),
        seen=gallery_figures(queries, gallery, exchanged, tables, settings, seed, count),
        unseen=gallery_figures(queries, unseen, among_unseen, tables, settings, seed, count),
        validation_lift=validation_lift(asking, levels, seed, count) if len(asking) else None,
        validation_map=validation.figures().map if validation else None,
        validation_chance=validation.chance_figures().map if validation else None,
        structured=structured(ranked),
        n_distinct_codes=_n_distinct(gallery.codes),
        bit_balance=np.unpackbits(gallery.codes, axis=1).mean(axis=0).tolist(),
        evaluation_digest=evaluation_digest(queries, gallery, levels),
        model_digest=info.model_digest,
    )
    return Evaluation(metrics, _query_table(queries, ranked.per_query))


def _n_distinct(codes: np.ndarray) -> int:
    words = as_words(codes)
    return len(np.unique(words[:, 0]) if words.shape[1] == 1 else np.unique(words, axis=0))


def _intervals(queries: PerQuery, patients: np.ndarray, n_samples: int, seed: int) -> dict[str, Interval]:
    values = queries.by_figure()
    bounds = patient_bootstrap(np.stack([values[name] for name in WITH_INTERVAL], axis=1), patients, n_samples, seed)
    return {
        name: Interval(value=float(values[name].mean()), low=float(low), high=float(high))
        for name, (low, high) in zip(WITH_INTERVAL, bounds, strict=True)
    }


def _query_table(queries: PlacedCodes, per_query: PerQuery) -> pa.Table:
    columns = {"bag_id": pa.array(queries.bag_ids), "patient_id": pa.array(queries.patient_ids)}
    columns |= {
        name: pa.array(values, QUERIES.field(name).type, from_pandas=True)  # NaN → null
        for name, values in vars(per_query).items()
    }
    return pa.table(columns).cast(QUERIES)
