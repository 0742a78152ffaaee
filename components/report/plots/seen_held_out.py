"""MAP of queries whose combination was trained on, and of those whose combination was held out, side by side."""

from collections.abc import Mapping

from components.documents import AttributeFigures
from components.report.plots.style import INK, MUTED, PALETTE, canvas


def seen_held_out(by_method: Mapping[str, Mapping[str, AttributeFigures | None]]) -> str:
    """Draw two points with intervals per method, and return a data: URI.

    Each has its own chance (a tick) and what its rankings score with labels exchanged (a cross).
    """
    kinds = list(dict.fromkeys(kind for by_kind in by_method.values() for kind in by_kind))
    methods = list(by_method)[::-1]
    with canvas(6.4, 0.9 + 0.42 * max(len(methods), 2)) as drawn:
        axes = drawn.figure.subplots()
        for position, kind in enumerate(kinds):
            colour, marker, named = PALETTE[position % len(PALETTE)], "osD^"[position % 4], False
            for row, method in enumerate(methods):
                if (figures := by_method[method].get(kind)) is None:
                    continue
                place = row + 0.17 * (len(kinds) - 1 - 2 * position)
                axes.plot(
                    [figures.interval.low, figures.interval.high],
                    [place, place],
                    color=colour,
                    linewidth=1.6,
                    solid_capstyle="butt",
                )
                axes.plot(
                    figures.map,
                    place,
                    marker,
                    color=colour,
                    markersize=5.5,
                    linestyle="none",
                    label=None if named else kind,
                )
                axes.plot(figures.chance_map, place, "|", color=MUTED, markersize=9, markeredgewidth=1.6)
                axes.plot(figures.exchanged_map, place, "x", color=INK, markersize=4.5, markeredgewidth=1.1)
                named = True
        axes.plot([], [], "|", color=MUTED, markersize=9, markeredgewidth=1.6, label="chance")
        axes.plot([], [], "x", color=INK, markersize=4.5, markeredgewidth=1.1, label="labels exchanged")
        axes.set_yticks(range(len(methods)), methods)
        axes.tick_params(axis="y", labelcolor=INK, length=0)
        axes.grid(False, axis="y")
        axes.set(xlim=(0, 1.02), ylim=(-0.6, len(methods) - 0.4), xlabel="MAP, relevant is what shares the combination")
        drawn.figure.legend(loc="outside lower center", ncols=len(kinds) + 2)
    return drawn.uri
