"""The few figures of a method that are shown first: lift, unseen lift, kNN AUC, then MAP beside its baselines."""

from medhash.core.documents import GalleryFigures, Headline, Interval, Metrics
from medhash.core.params import Params


def headline_of(metrics: Metrics) -> Headline:
    """Figures of the metrics, in the order of what counts."""
    seen, unseen = metrics.seen, metrics.unseen
    low, high = _bounds(seen.lift if seen else None)
    unseen_low, unseen_high = _bounds(unseen.lift if unseen else None)
    return Headline(
        lift=seen.lift.value if seen else None,
        lift_low=low,
        lift_high=high,
        unseen_lift=unseen.lift.value if unseen else None,
        unseen_low=unseen_low,
        unseen_high=unseen_high,
        knn_auc=_value(seen.knn_auc if seen else None),
        unseen_auc=_value(unseen.knn_auc if unseen else None),
        validation_lift=metrics.validation_lift,
        map=metrics.figures.map,
        map_permuted=seen.map_permuted if seen else None,
        map_chance=metrics.chance.map,
    )


def by_validation(metrics: dict[str, Metrics], params: Params) -> dict[str, float]:
    """Method → the validation figure that params.choose_by names, of methods that have one."""
    figures = {
        name: one.validation_map if params.choose_by == "map" else one.validation_lift for name, one in metrics.items()
    }
    return {name: value for name, value in figures.items() if value is not None}


def _bounds(interval: Interval | None) -> tuple[float | None, float | None]:
    return (interval.low, interval.high) if interval else (None, None)


def _value(interval: Interval | None) -> float | None:
    return interval.value if interval else None


def format_gallery(found: GalleryFigures | None) -> str:
    """Lift with its interval, the patients behind it and the kNN AUC, in words."""
    if found is None:
        return "not measured, as no query is answerable"
    auc = "none" if found.knn_auc is None else f"{found.knn_auc.value:.3f}"
    return (
        f"{found.lift.value:+.3f} [{found.lift.low:+.3f}, {found.lift.high:+.3f}] of {found.n_patients:,} patients, "
        f"kNN AUC {auc}"
    )
