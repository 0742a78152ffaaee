"""Plots of structured codes: MAP by attribute, preference, seen and held-out combinations, calibration."""

from collections.abc import Mapping

import numpy as np

from medhash.core.documents import AttributeFigures, Calibration, Satisfaction
from medhash.core.plots import INK, MUTED, PALETTE, canvas

_COLUMNS, _PREFERENCE_COLUMNS = 4, 3
"""Panels side by side."""
_BAR_WIDTH = 0.36


def attribute_map(by_attribute: Mapping[str, Mapping[str, AttributeFigures | None]]) -> str:
    """Draw a panel per attribute, methods in the first one's order from the top, and return a data: URI.

    A point is orange where its interval holds chance or the permuted-label baseline (the cross), else blue.
    """
    names = list(by_attribute)
    methods = list(by_attribute[names[0]])[::-1]
    n_columns = min(len(names), _COLUMNS)
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


def preference(by_method: Mapping[str, Mapping[str, Satisfaction]]) -> str:
    """Draw a panel per method with two bars per attribute, the chance as a dotted mark, and return a data: URI."""
    n_columns = min(len(by_method), _PREFERENCE_COLUMNS)
    n_rows = -(-len(by_method) // n_columns)
    with canvas(7.6, 0.5 + 2.0 * n_rows) as drawn:
        panels = drawn.figure.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
        for axes in panels[len(by_method) :]:
            axes.set_visible(False)
        for axes, (method, by_attribute) in zip(panels, by_method.items(), strict=False):
            found, places = list(by_attribute.values()), np.arange(len(by_attribute))
            for shift, values, colour, name in (
                (-_BAR_WIDTH / 2, [one.plain for one in found], "#b8c2cc", "plain: by the whole code"),
                (
                    _BAR_WIDTH / 2,
                    [np.nan if one.preferred is None else one.preferred for one in found],
                    PALETTE[0],
                    "preferred: by its sub-code first",
                ),
            ):
                axes.bar(places + shift, values, _BAR_WIDTH, color=colour, label=name)
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


def seen_held_out(by_method: Mapping[str, Mapping[str, AttributeFigures | None]]) -> str:
    """Draw two points with intervals per method, and return a data: URI.

    Each has its own chance (a tick) and permuted-label baseline (a cross).
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
        axes.plot([], [], "x", color=INK, markersize=4.5, markeredgewidth=1.1, label="permuted labels")
        axes.set_yticks(range(len(methods)), methods)
        axes.tick_params(axis="y", labelcolor=INK, length=0)
        axes.grid(False, axis="y")
        axes.set(xlim=(0, 1.02), ylim=(-0.6, len(methods) - 0.4), xlabel="MAP, relevant is what shares the combination")
        drawn.figure.legend(loc="outside lower center", ncols=len(kinds) + 2)
    return drawn.uri


def reliability(parts: Mapping[str, Calibration]) -> str:
    """Draw a panel per attribute, and one for bits, and return a data: URI.

    A bar per bin reaches from its low to its high end and up to its accuracy, the darker the more cases it has; a point
    stands at its mean confidence. On the dotted diagonal confidence can be taken at its word.
    """
    n_columns = min(max(len(parts), 3), _COLUMNS)
    n_rows = -(-len(parts) // n_columns)
    with canvas(7.6, 2.3 * n_rows) as drawn:
        panels = drawn.figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes in panels[len(parts) :]:
            axes.set_visible(False)
        for axes, (name, found) in zip(panels, parts.items(), strict=False):
            most = max((one.n for one in found.bins), default=1)
            axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":", linewidth=1.2)
            for one in found.bins:
                axes.bar(
                    one.low,
                    one.accuracy,
                    one.high - one.low,
                    align="edge",
                    color=PALETTE[0],
                    alpha=0.15 + 0.6 * one.n / most,
                    edgecolor="white",
                    linewidth=0.8,
                )
            axes.plot(
                [one.confidence for one in found.bins],
                [one.accuracy for one in found.bins],
                "o",
                color=PALETTE[1],
                markersize=3.5,
            )
            axes.set(
                title=f"{name}, error {found.expected_error:.3f}",
                xlim=(0, 1),
                ylim=(0, 1.02),
                xticks=(0, 0.5, 1),
                yticks=(0, 0.5, 1),
            )
            axes.set_aspect("equal")
        drawn.figure.supxlabel("confidence", fontsize=9)
        drawn.figure.supylabel("share that is right", fontsize=9)
    return drawn.uri
