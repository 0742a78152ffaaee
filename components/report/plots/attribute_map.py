"""MAP by attribute: a panel each, a point with its interval per method, beside chance and exchanged labels."""

from collections.abc import Mapping

from components.documents import AttributeFigures
from components.report.plots.style import INK, MUTED, PALETTE, canvas

MOST_PANELS = 4


def attribute_map(by_attribute: Mapping[str, Mapping[str, AttributeFigures | None]]) -> str:
    """Draw a panel per attribute, methods in the first one's order from the top, and return a data: URI.

    A point is orange where its interval holds chance or what exchanged labels score (the cross), else blue.
    """
    names = list(by_attribute)
    methods = list(by_attribute[names[0]])[::-1]
    n_columns = min(len(names), MOST_PANELS)
    n_rows = -(-len(names) // n_columns)
    with canvas(7.6, n_rows * (0.95 + 0.25 * max(len(methods), 2)) + 0.25) as drawn:
        panels = drawn.figure.subplots(n_rows, n_columns, sharey=True, sharex=True, squeeze=False).ravel()
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        for axes, name in zip(panels, names, strict=False):
            known = [figures for figures in by_attribute[name].values() if figures is not None]
            if known:
                axes.axvline(known[0].chance_map, color=MUTED, linestyle=":", linewidth=1.3, label="chance")
            for row, method in enumerate(methods):
                if (figures := by_attribute[name][method]) is not None:
                    low, high = figures.interval.low, figures.interval.high
                    above = low > max(figures.chance_map, figures.exchanged_map)
                    colour = PALETTE[0] if above else PALETTE[1]
                    axes.plot([low, high], [row, row], color=colour, linewidth=1.6, solid_capstyle="butt")
                    axes.plot(figures.map, row, "o", color=colour, markersize=5)
                    axes.plot(figures.exchanged_map, row, "x", color=INK, markersize=4.5, markeredgewidth=1.1)
            axes.set(title=name, xlim=(0, 1.02), ylim=(-0.6, len(methods) - 0.4))
            axes.set_yticks(range(len(methods)), methods)
            axes.tick_params(axis="y", labelcolor=INK, length=0)
            axes.grid(False, axis="y")
        drawn.figure.supxlabel("MAP", fontsize=9, color=INK)
    return drawn.uri
