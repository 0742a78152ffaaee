"""Preference satisfaction: what the whole code gives, what preferring an attribute gives, and what chance gives."""

from collections.abc import Mapping

import numpy as np

from components.documents import Satisfaction
from components.report.plots.style import INK, MUTED, PALETTE, canvas

_N_COLUMNS = 3
_WIDTH = 0.36


def preference(by_method: Mapping[str, Mapping[str, Satisfaction]]) -> str:
    """Draw a panel per method with two bars per attribute, the chance as a dotted mark, and return a data: URI."""
    n_columns = min(len(by_method), _N_COLUMNS)
    n_rows = -(-len(by_method) // n_columns)
    with canvas(7.6, 0.5 + 2.0 * n_rows) as drawn:
        panels = drawn.figure.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
        for axes in panels[len(by_method) :]:
            axes.set_visible(False)
        for axes, (method, by_attribute) in zip(panels, by_method.items(), strict=False):
            found, places = list(by_attribute.values()), np.arange(len(by_attribute))
            for shift, values, colour, name in (
                (-_WIDTH / 2, [one.plain for one in found], "#b8c2cc", "plain: by the whole code"),
                (
                    _WIDTH / 2,
                    [np.nan if one.preferred is None else one.preferred for one in found],
                    PALETTE[0],
                    "preferred: by its sub-code first",
                ),
            ):
                axes.bar(places + shift, values, _WIDTH, color=colour, label=name)
                for place, value in zip(places + shift, values, strict=True):
                    if np.isnan(value):
                        continue  # a code without a part of that attribute
                    axes.annotate(
                        f"{value:.2f}",
                        (place, value),
                        xytext=(0, 2),
                        textcoords="offset points",
                        ha="center",
                        fontsize=7,
                        color=INK,
                    )
            axes.hlines(
                [one.chance for one in found],
                places - 0.45,
                places + 0.45,
                color=MUTED,
                linestyle=":",
                linewidth=1.6,
                label="chance",
            )
            axes.set_xticks(places, list(by_attribute))
            axes.tick_params(axis="x", labelcolor=INK, length=0)
            axes.grid(False, axis="x")
            axes.set(title=method, ylim=(0, 1.1), xlim=(-0.6, max(len(found), 2) - 0.4))
        handles, names = panels[0].get_legend_handles_labels()
        drawn.figure.legend(handles, names, loc="outside lower center", ncols=3)
        drawn.figure.supylabel("share of the nearest", fontsize=9, color=INK)
    return drawn.uri
