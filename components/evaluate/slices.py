"""Figures of parts of the test queries: by label, view, sex and age, each beside its own chance."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.documents import Interval, SliceFigures
from components.errors import MedhashError
from components.evaluate.ranked import Ranked
from components.evaluate.tables import Tables
from components.index.code_table import PlacedCodes
from components.retrieval.bootstrap import patient_bootstrap

UNKNOWN = "unknown"
AGE_BANDS = ("0-19", "20-39", "40-59", "60-79", "80+")
_BAND_YEARS = 20


def slice_figures(queries: PlacedCodes, ranked: Ranked, tables: Tables, n_samples: int,
                  seed: int) -> dict[str, dict[str, SliceFigures]]:
    """`label`, `view`, `sex` and `age` → value → figures of the queries that have it.

    A query stands in the slice of each of its labels; a query without a label in none. Only values that a query has;
    labels in the vocabulary's order, the rest sorted, what the archive does not say last, as `unknown`. The gallery
    is the whole gallery throughout, and one set of resampled patients serves all slices.
    Raises MedhashError if a query's image has no row in the table images.
    """
    members = slice_members(queries, tables)
    masks = [mask for by_value in members.values() for mask in by_value.values()]
    _, patients = np.unique(queries.patient_ids, return_inverse=True)
    precision = ranked.per_query.ap_expected
    bounds = iter(patient_bootstrap(np.stack([np.where(mask, precision, np.nan) for mask in masks], axis=1), patients,
                                    n_samples, seed))
    return {name: {value: _figures(mask, ranked, patients, next(bounds)) for value, mask in by_value.items()}
            for name, by_value in members.items()}


def slice_members(queries: PlacedCodes, tables: Tables) -> dict[str, dict[str, np.ndarray]]:
    """`label`, `view`, `sex` and `age` → value → which queries have it, bool, (Q,); in the order of `slice_figures`.

    Raises MedhashError if a query's image has no row in the table images.
    """
    images = tables.images.take(_rows_of(queries.image_ids, tables.images))
    return {"label": _by_label(queries, tables), "view": _by_value(_texts(images["view"])),
            "sex": _by_value(_texts(images["sex"])), "age": _by_value(_bands(images["age"]))}


def _figures(mask: np.ndarray, ranked: Ranked, patients: np.ndarray, bounds: np.ndarray) -> SliceFigures:
    kept = mask & ranked.answerable
    n_patients = len(np.unique(patients[kept]))

    def mean(values: np.ndarray) -> float | None:
        return float(values[kept].mean()) if kept.any() else None

    value = mean(ranked.per_query.ap_expected)
    interval = Interval(value=value, low=float(bounds[0]), high=float(bounds[1])) if (
        value is not None and n_patients > 1) else None
    return SliceFigures(n_queries=int(mask.sum()), n_answerable=int(kept.sum()), n_patients=n_patients, map=value,
                        chance_map=mean(ranked.chance.ap_expected), ndcg_at_100=mean(ranked.per_query.ndcg_at_100),
                        interval=interval)


def _by_label(queries: PlacedCodes, tables: Tables) -> dict[str, np.ndarray]:
    labels_of = tables.labels_by_set()
    masks = {}
    for index, label in enumerate(tables.vocabulary.labels):
        carried = np.isin(queries.set_ids, [set_id for set_id, indices in labels_of.items() if index in indices])
        if carried.any():
            masks[label] = carried
    return masks


def _by_value(values: np.ndarray) -> dict[str, np.ndarray]:
    known = sorted(set(values.tolist()) - {UNKNOWN})
    return {value: values == value for value in [*known, UNKNOWN] if (values == value).any()}


def _texts(column: pa.ChunkedArray) -> np.ndarray:
    return np.array([text or UNKNOWN for text in column.to_pylist()], dtype=str)


def _bands(ages: pa.ChunkedArray) -> np.ndarray:
    return np.array([UNKNOWN if age is None else AGE_BANDS[min(max(age, 0) // _BAND_YEARS, len(AGE_BANDS) - 1)]
                     for age in ages.to_pylist()], dtype=str)


def _rows_of(image_ids: np.ndarray, images: pa.Table) -> pa.Array:
    rows = pc.index_in(pa.array(image_ids.tolist(), pa.string()), value_set=images["image_id"].combine_chunks())
    if rows.null_count:
        missing = image_ids[pc.index(rows.is_null(), True).as_py()]
        raise MedhashError(f"image {missing} has a code but no row in images.parquet ({rows.null_count} such images)",
                           "run the stage encode again for this method")
    return rows
