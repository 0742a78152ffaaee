"""The model card of a registered version: method, data, figures beside their baselines, use, limits and licence."""

from pathlib import Path

from medhash.core.documents import Interval, Metrics, ModelSpec
from medhash.releases.release import read_release


def model_card(folder: Path, map_permuted: float | None) -> str:
    """Markdown from a release folder. map_permuted: MAP with permuted query labels, None where it was not measured.

    It names no path, no patient and no file of the archive. Sections as in Mitchell et al. 2019, "Model Cards for
    Model Reporting".
    """
    release = read_release(folder)
    spec = ModelSpec.read(folder / "model" / "model.json")
    metrics = Metrics.read(folder / "metrics.json")
    chance = metrics.chance
    rows = [
        ("MAP", metrics.figures.map, metrics.intervals.get("map"), chance.map, map_permuted),
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
| measure | value | 95 % interval | chance | permuted labels |
|---|---|---|---|---|
{table}

{metrics.n_distinct_codes:,} distinct codes in the gallery. Chance: a gallery in random order. Permuted labels: the same
rankings after the queries exchange their labels.

## Intended use
Research, and search for similar cases in the archive whose gallery this version holds. Not for diagnosis.

## Limits
The figures hold for the test patients of this archive, not for other hospitals or scanners. Labels of public archives
are noisy. The gallery is training data, so a MAP that is not above permuted labels is no evidence of retrieval by
image.

## Licence
Code: Apache-2.0. {_weights_licence(spec)} The training images keep the terms of their publishers.
"""


def figure_tags(folder: Path, map_permuted: float | None) -> dict[str, str]:
    """Tags of a version: MAP of all test queries with its interval, chance and the permuted-label baseline."""
    metrics = Metrics.read(folder / "metrics.json")
    interval = metrics.intervals.get("map")
    figures = {
        "test_map": metrics.figures.map,
        "test_map_low": interval.low if interval else None,
        "test_map_high": interval.high if interval else None,
        "test_map_chance": metrics.chance.map,
        "test_map_permuted": map_permuted,
    }
    return {name: f"{value:.6f}" for name, value in figures.items() if value is not None}


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
