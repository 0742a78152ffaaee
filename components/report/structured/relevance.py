"""Tables by attribute: every method where relevant is what shares a combination, a modality, an organ …"""

from collections.abc import Collection, Mapping
from typing import Any

from components.documents import AttributeFigures, StructuredFigures
from components.report.structured.standing import standing

KIND_JOINT = "joint"


def relevance_tables(figures: Mapping[str, StructuredFigures], told_apart: Collection[str]) -> list[dict[str, Any]]:
    """A table for the whole combination, then one per attribute; in each a row per method, the best MAP first.

    told_apart: attributes that can be told apart without anatomy, which their tables say.
    """
    names = dict.fromkeys(name for found in figures.values() for name in found.attributes)
    return [
        _table(KIND_JOINT, {method: found.joint for method, found in figures.items()}, False),
        *(
            _table(name, {method: found.attributes.get(name) for method, found in figures.items()}, name in told_apart)
            for name in names
        ),
    ]


def _table(name: str, by_method: dict[str, AttributeFigures | None], is_told_apart: bool) -> dict[str, Any]:
    ordered = sorted(by_method.items(), key=lambda item: 1.0 if item[1] is None else -item[1].map)
    rows = [{"method": method, "figures": figures, "standing": standing(figures)} for method, figures in ordered]
    some = next((figures for figures in by_method.values() if figures is not None), None)
    return {
        "name": name,
        "rows": rows,
        "told_apart": is_told_apart,
        "n_queries": some.n_queries if some else 0,
        "n_gallery": some.n_gallery if some else 0,
    }
