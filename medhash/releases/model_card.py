"""The model card of a registered version: method, data, figures beside their baselines, use, limits and licence."""

from pathlib import Path

from medhash.core.documents import GalleryFigures, Interval, Metrics, ModelSpec
from medhash.releases.release import read_release
from medhash.retrieval.evaluation.headline import headline_of


def model_card(folder: Path) -> str:
    """Markdown from a release folder.

    It names no path, no patient and no file of the archive. Sections as in Mitchell et al. 2019, "Model Cards for
    Model Reporting".
    """
    release = read_release(folder)
    spec = ModelSpec.read(folder / "model" / "model.json")
    metrics = Metrics.read(folder / "metrics.json")
    chance = metrics.chance
    rows = [
        *_of_gallery("gallery that serves", metrics.seen),
        *_of_gallery("unseen gallery", metrics.unseen),
        (
            "MAP",
            metrics.figures.map,
            metrics.intervals.get("map"),
            chance.map,
            metrics.seen.map_permuted if metrics.seen else None,
        ),
        ("NDCG@100", metrics.figures.ndcg_at_100, metrics.intervals.get("ndcg_at_100"), chance.ndcg_at_100, None),
        ("P@10", metrics.figures.precision_at_10, None, chance.precision_at_10, None),
        ("P@H2", metrics.figures.precision_h2, metrics.intervals.get("precision_h2"), chance.precision_h2, None),
    ]
    if metrics.validation_map is not None and metrics.validation_chance is not None:
        rows.append(("validation MAP", metrics.validation_map, None, metrics.validation_chance, None))
    table = "\n".join(_row(*row) for row in rows)
    return f"""# {release.method}, {release.bits} bits

## Method
{spec.family} hashing method `{release.method}`: codes of {release.bits} bits from {spec.input}, images of
{release.preprocessing.size_px} × {release.preprocessing.size_px} px. Labels in training: {len(spec.labels)}.

## Data
{metrics.n_gallery:,} gallery cases, {metrics.n_queries:,} test queries of other patients.
Training data digest `{release.data_digest[:16]}`, evaluation digest `{release.evaluation_digest[:16]}`, git commit
`{release.git_commit[:16]}`.

## Figures
| measure | value | 95 % interval | chance | exchanged labels |
|---|---|---|---|---|
{table}

{metrics.n_distinct_codes:,} distinct codes in the gallery. Chance: a gallery in random order. Exchanged labels: the
same rankings after the queries exchange their labels. Lift: MAP less that. {_patients(metrics)}

## Intended use
Research, and search for similar cases in the archive whose gallery this version holds. Not for diagnosis.

## Limits
The figures hold for the test patients of this archive, not for other hospitals or scanners. Labels of public archives
are noisy. The gallery is training data, so MAP is inflated. Judge by lift, and by the unseen gallery.

## Licence
Code: Apache-2.0. {_weights_licence(spec)} The training images keep the terms of their publishers.
"""


def figure_tags(folder: Path) -> dict[str, str]:
    """Tags of a version: the headline figures of all test queries."""
    found = headline_of(Metrics.read(folder / "metrics.json"))
    return {f"test_{name}": f"{value:.6f}" for name, value in found if value is not None}


def _of_gallery(name: str, found: GalleryFigures | None) -> list[tuple[str, float, Interval | None, float, None]]:
    if found is None:
        return []
    auc = [(f"kNN AUC, {name}", found.knn_auc.value, found.knn_auc, 0.5, None)] if found.knn_auc else []
    return [(f"lift, {name}", found.lift.value, found.lift, 0.0, None), *auc]


def _patients(metrics: Metrics) -> str:
    return f"{metrics.seen.n_patients:,} test patients stand behind it." if metrics.seen else ""


def _row(name: str, value: float, interval: Interval | None, chance: float, permuted: float | None) -> str:
    between = f"{interval.low:.3f}–{interval.high:.3f}" if interval else "–"
    return f"| {name} | {value:.3f} | {between} | {chance:.3f} | {'–' if permuted is None else f'{permuted:.3f}'} |"


def _weights_licence(spec: ModelSpec) -> str:
    digest = spec.settings.get("initial_weights")
    if digest:
        return (
            f"The weights started from initial weights with digest `{str(digest)[:16]}`; the licence of those applies "
            "here too."
        )
    return "The weights were trained here without initial weights from elsewhere."
