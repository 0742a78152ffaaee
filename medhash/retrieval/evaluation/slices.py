"""Figures of parts of the test queries: by label, view, sex and age, each beside its own chance."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medhash.core.attributes import values_of
from medhash.core.documents import Interval, SliceFigures
from medhash.core.errors import MedhashError
from medhash.retrieval.code_table import PlacedCodes
from medhash.retrieval.evaluation.ranked import Ranked
from medhash.retrieval.evaluation.tables import Tables
from medhash.retrieval.measures.bootstrap import patient_bootstrap
from medhash.retrieval.measures.lift import ExchangedPrecision, Lift, lifts

UNKNOWN, SEVERAL = "unknown", "several"
AGE_BANDS = ("0-19", "20-39", "40-59", "60-79", "80+")
_BAND_YEARS = 20


def slice_figures(
    queries: PlacedCodes, ranked: Ranked, exchanged: ExchangedPrecision, tables: Tables, n_samples: int, seed: int
) -> dict[str, dict[str, SliceFigures]]:
    """`label`, `view`, `sex` and `age` → value → figures of the queries that have it.

    A query is in the slice of each of its labels. Only values that a query has are listed: labels in the vocabulary's
    order, the rest sorted, then `several`, of bags whose images differ, and last `unknown`. Each slice searches the
    whole gallery, and all slices share one set of resampled patients.
    Raises MedhashError if a query has no image in the table images.
    """
    members = slice_members(queries, tables)
    masks = [mask for by_value in members.values() for mask in by_value.values()]
    _, patients = np.unique(queries.patient_ids, return_inverse=True)
    precision = ranked.per_query.ap_expected
    bounds = iter(
        patient_bootstrap(
            np.stack([np.where(mask, precision, np.nan) for mask in masks], axis=1), patients, n_samples, seed
        )
    )
    of_slices = iter(lifts(exchanged, masks, n_samples, seed))
    return {
        name: {
            value: _figures(mask, ranked, patients, next(bounds), next(of_slices)) for value, mask in by_value.items()
        }
        for name, by_value in members.items()
    }


def slice_members(queries: PlacedCodes, tables: Tables) -> dict[str, dict[str, np.ndarray]]:
    """`label`, `view`, `sex` and `age` → value → which queries have it, bool, (Q,); in the order of `slice_figures`.

    Raises MedhashError if a query has no image in the table images.
    """
    return {"label": _by_label(queries, tables)} | {
        kind: _by_value(value_of_queries(queries, tables, kind)) for kind in ("view", "sex", "age")
    }


def value_of_queries(queries: PlacedCodes, tables: Tables, kind: str) -> np.ndarray:
    """What each query has of view, sex, age (in bands), or another attribute of the images: str, (Q,).

    `several` where its images differ, `unknown` where none knows. Raises MedhashError as `slice_members` does.
    """
    images, query = _images_of(queries.bag_ids, tables.images)
    if kind == "age":
        of_image = age_bands(images["age"])
    elif kind in ("view", "sex"):
        of_image = _texts(images[kind])
    else:
        known = values_of(images, kind)
        of_image = np.array([SEVERAL if len(one) > 1 else one[0] if one else UNKNOWN for one in known], dtype=str)
    return common_value(of_image, query, len(queries))


def common_value(values: np.ndarray, bag: np.ndarray, n_bags: int) -> np.ndarray:
    """The value that a bag's images share: the one known value, `several`, or `unknown`: str, (n_bags,).

    values: str, (m,), of each image; bag: int, (m,), 0 … n_bags - 1. Images of unknown value are ignored.
    """
    is_known = values != UNKNOWN
    known, of_value = np.unique(values[is_known], return_inverse=True)
    has_value = np.zeros((n_bags, len(known) + 1), bool)
    has_value[bag[is_known], of_value] = True
    has_value[:, -1] = ~has_value.any(axis=1)
    return np.where(has_value.sum(axis=1) > 1, SEVERAL, np.append(known, UNKNOWN)[has_value.argmax(axis=1)])


def _figures(mask: np.ndarray, ranked: Ranked, patients: np.ndarray, bounds: np.ndarray, lift: Lift) -> SliceFigures:
    kept = mask & ranked.answerable
    n_patients = len(np.unique(patients[kept]))

    def mean(values: np.ndarray) -> float | None:
        return float(values[kept].mean()) if kept.any() else None

    value = mean(ranked.per_query.ap_expected)
    interval = (
        Interval(value=value, low=float(bounds[0]), high=float(bounds[1]))
        if (value is not None and n_patients > 1)
        else None
    )
    return SliceFigures(
        n_queries=int(mask.sum()),
        n_answerable=int(kept.sum()),
        n_patients=n_patients,
        map=value,
        chance_map=mean(ranked.chance.ap_expected),
        ndcg_at_100=mean(ranked.per_query.ndcg_at_100),
        precision_at_10=mean(ranked.per_query.precision_at_10),
        interval=interval,
        lift=Interval(value=lift.value, low=lift.low, high=lift.high)
        if interval is not None and lift.n_queries
        else None,
    )


def _by_label(queries: PlacedCodes, tables: Tables) -> dict[str, np.ndarray]:
    labels_of = tables.labels_by_set()
    masks = {}
    for index, label in enumerate(tables.vocabulary.labels):
        carried = np.isin(queries.set_ids, [set_id for set_id, indices in labels_of.items() if index in indices])
        if carried.any():
            masks[label] = carried
    return masks


def _by_value(values: np.ndarray) -> dict[str, np.ndarray]:
    known = sorted(set(values.tolist()) - {SEVERAL, UNKNOWN})
    return {value: values == value for value in [*known, SEVERAL, UNKNOWN] if (values == value).any()}


def _texts(column: pa.ChunkedArray) -> np.ndarray:
    return np.array([text or UNKNOWN for text in column.to_pylist()], dtype=str)


def age_bands(ages: pa.ChunkedArray) -> np.ndarray:
    """The band of AGE_BANDS of each age in years, or UNKNOWN: str, (n,)."""
    return np.array(
        [
            UNKNOWN if age is None else AGE_BANDS[min(max(age, 0) // _BAND_YEARS, len(AGE_BANDS) - 1)]
            for age in ages.to_pylist()
        ],
        dtype=str,
    )


def _images_of(bag_ids: np.ndarray, images: pa.Table) -> tuple[pa.Table, np.ndarray]:
    """The images of these bags, and of each the place of its bag in bag_ids: int, (m,)."""
    places = pc.index_in(images["bag_id"].combine_chunks(), value_set=pa.array(bag_ids.tolist(), pa.string()))
    found = pc.is_valid(places)
    place = places.filter(found).to_numpy()
    absent = np.flatnonzero(np.bincount(place, minlength=len(bag_ids)) == 0)
    if len(absent):
        raise MedhashError(
            f"bag {bag_ids[absent[0]]} has a code but no image in images.parquet ({len(absent)} such bags)",
            "run the stage encode again for this method",
        )
    return images.filter(found), place
