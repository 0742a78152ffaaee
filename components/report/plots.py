"""MAP of queries whose combination was trained on, and of those whose combination was held out, side by side."""

from collections.abc import Mapping

import numpy as np
from matplotlib.ticker import MaxNLocator

from medhash.core.documents import AttributeFigures, Calibration, Metrics, Satisfaction
from medhash.core.plots import INK, MUTED, PALETTE, canvas, method_line

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


def bit_balance(metrics: list[Metrics]) -> str:
    """Draw a heat strip per method (columns are bits, blue 0 … white ½ … orange 1) and return a data: URI."""
    from matplotlib.colors import LinearSegmentedColormap

    width = max(len(result.bit_balance) for result in metrics)
    shares = [result.bit_balance + [float("nan")] * (width - len(result.bit_balance)) for result in metrics]
    diverging = LinearSegmentedColormap.from_list("balance", [PALETTE[0], "#f4f6f8", PALETTE[1]])
    with canvas(6.4, 0.95 + 0.26 * max(len(metrics), 2)) as drawn:
        axes = drawn.figure.subplots()
        mesh = axes.pcolormesh(shares, cmap=diverging, vmin=0, vmax=1, edgecolors="white", linewidth=0.8)
        axes.invert_yaxis()
        axes.set_yticks([row + 0.5 for row in range(len(metrics))], [result.method for result in metrics])
        axes.tick_params(axis="y", labelcolor=INK, length=0)
        axes.grid(False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set_xlabel("bit")
        bar = drawn.figure.colorbar(mesh, ax=axes, pad=0.015, fraction=0.03)
        bar.set_label("share of ones", color=MUTED)
        bar.outline.set_visible(False)
    return drawn.uri


_NOT_A_LOSS = {"learning_rate", "alpha", "val_map", "distinct_codes", "worst_bit_imbalance"}
History = list[dict[str, float | None]]


def learning_curves(epochs: History, best_epoch: int, chance: float | None) -> str:
    """Draw the epochs of history.json and return a data: URI.

    epochs: a row per epoch with `loss`, its terms, `val_map` and `distinct_codes`. best_epoch: row of the weights
    that were kept, marked by a dot. chance: validation MAP of a gallery in random order, if measured.
    """
    steps = range(1, len(epochs) + 1)
    terms = sorted((name for name in epochs[0] if name not in _NOT_A_LOSS), key=lambda name: name != "loss")
    with canvas(7.6, 2.4) as drawn:
        loss_axes, map_axes, code_axes = drawn.figure.subplots(1, 3)
        for position, name in enumerate(terms):
            loss_axes.plot(
                steps,
                _values(epochs, name),
                label=name.replace("_", " "),
                color=PALETTE[position % len(PALETTE)],
                linewidth=2 if name == "loss" else 1,
                linestyle="-" if name == "loss" else "--",
            )
        loss_axes.set(title="training loss", xlabel="epoch")
        if len(terms) > 1:
            loss_axes.legend(fontsize=7)
        for axes, name, title in (
            (map_axes, "val_map", "validation MAP"),
            (code_axes, "distinct_codes", "distinct codes, train fold"),
        ):
            values = _values(epochs, name)
            axes.plot(steps, values, color=PALETTE[0])
            axes.plot(best_epoch + 1, values[best_epoch], "o", color=INK, markersize=4.5)
            axes.set(title=title, xlabel="epoch")
        if chance is not None:
            map_axes.axhline(chance, color=MUTED, linestyle=":", linewidth=1.2, label=f"chance {chance:.3f}")
            map_axes.legend()
        code_axes.set_ylim(bottom=0)
        for axes in (loss_axes, map_axes, code_axes):
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    return drawn.uri


def _values(epochs: History, name: str) -> list[float]:
    """A gap where a row does not have the value."""
    return [float("nan") if row.get(name) is None else float(row[name] or 0) for row in epochs]


def map_bars(metrics: list[Metrics]) -> str:
    """Draw a horizontal bar per method, best at the top, and return a data: URI."""
    ordered = sorted(metrics, key=lambda result: result.figures.map)
    with canvas(6.4, 0.8 + 0.3 * max(len(ordered), 2)) as drawn:
        axes = drawn.figure.subplots()
        for row, result in enumerate(ordered):
            interval = result.intervals.get("map")
            value = result.figures.map
            low, high = (interval.low, interval.high) if interval else (value, value)
            above = low > result.chance.map
            axes.barh(row, value, height=0.62, color=PALETTE[0] if above else "#b8c2cc")
            axes.plot([low, high], [row, row], color=INK, linewidth=1.4, solid_capstyle="butt")
            axes.plot(
                [low, low, high, high],
                [row - 0.14, row + 0.14, row + 0.14, row - 0.14],
                color=INK,
                linestyle="none",
                marker="|",
                markersize=4,
            )
            axes.annotate(
                f"{value:.3f}",
                (max(value, high), row),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
            )
        chance = ordered[0].chance.map
        axes.axvline(chance, color=MUTED, linestyle=":", linewidth=1.4)
        axes.annotate(
            f"chance {chance:.3f}",
            (chance, len(ordered) - 0.45),
            xytext=(4, 0),
            va="bottom",
            textcoords="offset points",
            fontsize=8,
            color=MUTED,
        )
        axes.set_yticks(range(len(ordered)), [result.method for result in ordered])
        axes.tick_params(axis="y", labelcolor=INK, length=0)
        axes.grid(False, axis="y")
        axes.set_ylim(-0.6, len(ordered) + 0.1)
        axes.set_xlim(
            0, 1.12 * max(max(r.figures.map, r.intervals["map"].high if "map" in r.intervals else 0) for r in ordered)
        )
        axes.set_xlabel("MAP (whole ranking, expected over ties)")
    return drawn.uri


def precision_recall(metrics: list[Metrics]) -> str:
    """Draw the curves of all methods and return a data: URI.

    A point is the set of everything within one Hamming radius. At the largest radius that is the whole gallery,
    so the last point's precision is what a random order would reach at any recall: the chance line.
    """
    many = len(metrics) > 8
    with canvas(6.4, 4.2 + (0.16 * (len(metrics) - 8) if many else 0)) as drawn:
        axes = drawn.figure.subplots()
        for position, result in enumerate(metrics):
            points = sorted(result.curve, key=lambda point: point.radius)
            axes.plot(
                [point.recall for point in points],
                [point.precision for point in points],
                marker="o",
                markersize=2.2,
                label=result.method,
                **method_line(position),
            )
        lasts = [max(result.curve, key=lambda point: point.radius).precision for result in metrics if result.curve]
        if lasts:
            axes.axhline(lasts[0], color=MUTED, linestyle=":", linewidth=1.3, label=f"chance {lasts[0]:.3f}")
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01))
        if many:
            drawn.figure.legend(loc="outside lower center", ncols=3)
        else:
            axes.legend(loc="best")
    return drawn.uri


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


_N_COLUMNS_RELIABILITY = 4


def reliability(parts: Mapping[str, Calibration]) -> str:
    """Draw a panel per attribute, and one for bits, and return a data: URI.

    A bar per bin reaches from its low to its high end and up to its accuracy, the darker the more cases it has; a point
    stands at its mean confidence. On the dotted diagonal confidence can be taken at its word.
    """
    n_columns = min(max(len(parts), 3), _N_COLUMNS_RELIABILITY)
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
