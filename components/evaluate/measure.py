"""Measuring a method: its codes, and who is relevant to whom → figures."""

import hashlib
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from components.contracts import QUERIES
from components.documents import Interval, Metrics
from components.errors import MedhashError
from components.evaluate.per_query import (
    PerQuery,
    chance_figures,
    mean_figures,
    measure_queries,
    precision_recall_curve,
)
from components.index.code_table import PlacedCodes, code_info, place_codes
from components.params import EvaluateParams
from components.retrieval.bootstrap import patient_bootstrap
from components.retrieval.histogram import relevance_histogram

WITH_INTERVAL = ("map", "ndcg_at_100", "acg_at_100", "weighted_map", "precision_h2")


class Measured(NamedTuple):
    """Document Metrics and contract QUERIES of one method."""

    metrics: Metrics
    queries: pa.Table


def measure(codes: pa.Table, split: pa.Table, labels: pa.Table, similarity: pa.Table, settings: EvaluateParams,
            seed: int) -> Measured:
    """Let test images search train and val, val images search train, and measure what they find.

    codes: contract `codes_schema` with its schema metadata; the rest: contracts SPLIT, LABELS, SIMILARITY. Pairs of
    one patient are left out; queries to which nothing is relevant stand outside every mean. Any model's codes of
    the same images can be measured: equal evaluation_digest means the same queries, gallery and relevance.
    Raises MedhashError if the tables do not fit each other, or if no query has anything relevant in its gallery.
    """
    info = code_info(codes.schema)
    placed, levels = place_codes(codes, split, labels), level_matrix(similarity)
    queries, gallery = placed.of_folds("test"), placed.of_folds("train", "val")
    histogram = _histogram(queries, gallery, levels, "test")
    per_query = measure_queries(histogram)
    answerable = per_query.answerable()
    patients = queries.patient_ids[per_query.n_relevant > 0]

    validation = _histogram(placed.of_folds("val"), placed.of_folds("train"), levels, "val")
    metrics = Metrics(
        method=info.method, bits=info.bits, n_queries=len(queries), n_gallery=len(gallery),
        no_relevant_rate=float((per_query.n_relevant == 0).mean()),
        figures=mean_figures(answerable), chance=chance_figures(histogram),
        intervals=_intervals(answerable, patients, settings.bootstrap_samples, seed),
        curve=precision_recall_curve(histogram),
        validation_map=mean_figures(measure_queries(validation).answerable()).map,
        validation_chance=chance_figures(validation).map,
        n_distinct_codes=len(np.unique(gallery.codes, axis=0)),
        bit_balance=np.unpackbits(gallery.codes, axis=1).mean(axis=0).tolist(),
        evaluation_digest=evaluation_digest(queries, gallery, levels), model_digest=info.model_digest)
    return Measured(metrics, _query_table(queries, per_query))


def level_matrix(similarity: pa.Table) -> np.ndarray:
    """Contract SIMILARITY as a dense matrix: int16, (S, S), [set_a, set_b] → relevance level."""
    a, b = similarity["set_a"].to_numpy(), similarity["set_b"].to_numpy()
    size = int(max(a.max(initial=-1), b.max(initial=-1))) + 1
    levels = np.zeros((size, size), np.int16)
    levels[a, b] = similarity["level"].to_numpy()
    return levels


def evaluation_digest(queries: PlacedCodes, gallery: PlacedCodes, levels: np.ndarray) -> str:
    """SHA-256 over the ids, patients and label sets of queries and gallery, and the levels between the sets.

    Figures are comparable where it is equal: the codes, and so the method, play no part.
    """
    digest = hashlib.sha256()
    for part in (queries, gallery):
        for image_id, patient_id, set_id in zip(part.image_ids, part.patient_ids, part.set_ids, strict=True):
            digest.update(f"{image_id} {patient_id} {set_id}\n".encode())
        digest.update(b"\n")
    digest.update(levels.astype("<i2").tobytes())
    return digest.hexdigest()


def _histogram(queries: PlacedCodes, gallery: PlacedCodes, levels: np.ndarray, fold: str) -> np.ndarray:
    largest = max(queries.set_ids.max(initial=-1), gallery.set_ids.max(initial=-1))
    if largest >= len(levels):
        raise MedhashError(f"label set {largest} of labels.parquet has no row in similarity.parquet",
                           "run the stage similarity again")
    histogram = relevance_histogram(queries.codes, gallery.codes, queries.set_ids, gallery.set_ids, levels,
                                    queries.patient_ids, gallery.patient_ids)
    if not histogram[:, :, 1:].any():
        raise MedhashError(f"none of the {len(queries)} queries of fold {fold} shares a label with any of the "
                           f"{len(gallery)} images it searches", "check the split's shares and the labels' classes in "
                           "params.yaml")
    return histogram


def _intervals(queries: PerQuery, patients: np.ndarray, n_samples: int, seed: int) -> dict[str, Interval]:
    values = queries.by_figure()
    bounds = patient_bootstrap(np.stack([values[name] for name in WITH_INTERVAL], axis=1), patients, n_samples, seed)
    return {name: Interval(value=float(values[name].mean()), low=float(low), high=float(high))
            for name, (low, high) in zip(WITH_INTERVAL, bounds, strict=True)}


def _query_table(queries: PlacedCodes, per_query: PerQuery) -> pa.Table:
    columns = {"image_id": pa.array(queries.image_ids), "patient_id": pa.array(queries.patient_ids)}
    columns |= {name: pa.array(values, QUERIES.field(name).type, from_pandas=True)           # NaN → null
                for name, values in vars(per_query).items()}
    return pa.table(columns).cast(QUERIES)
