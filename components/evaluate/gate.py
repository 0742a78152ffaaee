"""Expectations of metrics: in range, consistent with each other, and not below chance."""

import great_expectations.expectations as gxe
import pandas as pd

from components.quality.inspection import Inspection
from medhash.core.contracts import QUERIES, read_table
from medhash.core.documents import Figures, Interval, Metrics
from medhash.core.params import Params
from medhash.core.workspace import Workspace

_SHARES = (
    "map",
    "map_worst_ties",
    "map_best_ties",
    "ndcg_at_100",
    "ndcg_at_100_worst_ties",
    "ndcg_at_100_best_ties",
    "precision_h2",
    "empty_ball_rate",
)
"""Figures that cannot exceed 1; acg_at_100 and weighted_map count shared labels and can."""
_ROUNDING = 1e-9
ABOVE, WITHIN, BELOW = "above chance", "within its interval of chance", "below chance"


def inspect(workspace: Workspace, params: Params) -> list[Inspection]:
    """For every method: its figures, its intervals, and its MAP beside chance.

    A method fails if its MAP lies below chance by more than its interval explains: then the ranking is upside down
    or the codes belong to other images. A MAP whose interval holds chance passes, and the check says so: a weak
    baseline may be near chance, and whether it may serve anyone is for promotion to decide, not for this gate.
    """
    return [inspection for method in params.methods for inspection in _method(workspace, params, method)]


def _method(workspace: Workspace, params: Params, method: str) -> list[Inspection]:
    metrics = Metrics.read(workspace.metrics(method) / "metrics.json")
    queries = read_table(workspace.metrics(method) / "queries.parquet", QUERIES)
    interval = metrics.intervals.get(
        "map", Interval(value=metrics.figures.map, low=metrics.figures.map, high=metrics.figures.map)
    )
    rank = pd.DataFrame(
        {
            "row": [
                f"{method} MAP {metrics.figures.map:.4f} [{interval.low:.4f}, {interval.high:.4f}], "
                f"chance {metrics.chance.map:.4f}"
            ],
            "beside_chance": [_beside_chance(interval, metrics.chance.map)],
        }
    )
    about = pd.DataFrame(
        {
            "row": [f"{method} metrics"],
            "bits": [metrics.bits],
            "method": [metrics.method],
            "has_interval": ["map" in metrics.intervals],
            "queries": [metrics.n_queries],
        }
    )
    return [
        Inspection(
            f"{method} ranking",
            rank,
            {
                "retrieval is above chance, or chance lies within its interval": gxe.ExpectColumnValuesToBeInSet(
                    column="beside_chance", value_set=[ABOVE, WITHIN]
                )
            },
        ),
        Inspection(
            method,
            about,
            {
                "the metrics are of this method": gxe.ExpectColumnValuesToBeInSet(column="method", value_set=[method]),
                "the codes have the bits of params.yaml": gxe.ExpectColumnValuesToBeInSet(
                    column="bits", value_set=[params.bits]
                ),
                "MAP has an interval": gxe.ExpectColumnValuesToBeInSet(column="has_interval", value_set=[True]),
                "every query has a row": gxe.ExpectColumnValuesToBeInSet(
                    column="queries", value_set=[queries.num_rows]
                ),
            },
        ),
        Inspection(
            f"{method} figures",
            _figures(metrics, method),
            {
                "every figure lies in its range": gxe.ExpectColumnValuesToBeInSet(column="in_range", value_set=[True]),
                "worst, expected and best tie order are in order": gxe.ExpectColumnValuesToBeInSet(
                    column="ordered", value_set=[True]
                ),
                "intervals contain their figure": gxe.ExpectColumnValuesToBeInSet(column="inside", value_set=[True]),
            },
        ),
    ]


def _beside_chance(interval: Interval, chance: float) -> str:
    return ABOVE if interval.low > chance else BELOW if interval.high < chance else WITHIN


def _ordered(figures: Figures, name: str) -> bool:
    expected = name.removesuffix("_worst_ties").removesuffix("_best_ties")
    worst, best = (getattr(figures, expected + end, None) for end in ("_worst_ties", "_best_ties"))
    if worst is None or best is None:
        return True
    ordered: bool = worst - _ROUNDING <= getattr(figures, expected) <= best + _ROUNDING
    return ordered


def _figures(metrics: Metrics, method: str) -> pd.DataFrame:
    """A row per figure, the method's and chance's, and per slice; what does not apply to a figure holds."""
    rows = []
    for whose, figures in ((method, metrics.figures), (f"{method} chance", metrics.chance)):
        for name, value in figures.model_dump().items():
            interval = metrics.intervals.get(name) if whose == method else None
            rows.append(
                {
                    "row": f"{whose} {name} {value:.4f}",
                    "in_range": 0 <= value <= (1 + _ROUNDING if name in _SHARES else float("inf")),
                    "ordered": _ordered(figures, name),
                    "inside": _inside(interval, value),
                }
            )
    for kind, slices in metrics.slices.items():
        for name, part in slices.items():
            if part.map is not None and part.chance_map is not None and part.ndcg_at_100 is not None:
                rows.append(
                    {
                        "row": f"{method} {kind} {name} MAP {part.map:.4f}",
                        "ordered": True,
                        "in_range": all(
                            0 <= value <= 1 + _ROUNDING for value in (part.map, part.chance_map, part.ndcg_at_100)
                        ),
                        "inside": _inside(part.interval, part.map),
                    }
                )
    return pd.DataFrame(rows)


def _inside(interval: Interval | None, value: float) -> bool:
    return interval is None or (
        abs(interval.value - value) <= _ROUNDING and interval.low - _ROUNDING <= value <= interval.high + _ROUNDING
    )
