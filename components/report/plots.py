"""Plots over methods and epochs: MAP, precision–recall, learning curves, bit balance."""

from collections.abc import Mapping

from matplotlib.ticker import MaxNLocator

from medhash.core.documents import Metrics
from medhash.core.plots import INK, MUTED, PALETTE, canvas, method_line

_NOT_A_LOSS = {"learning_rate", "alpha", "val_map", "distinct_codes", "worst_bit_imbalance"}
History = list[dict[str, float | None]]


def map_bars(metrics: list[Metrics], permuted: Mapping[str, float | None]) -> str:
    """Draw a horizontal bar per method, best at the top, and return a data: URI.

    permuted: method → MAP with permuted labels, marked by a cross.
    """
    ordered = sorted(metrics, key=lambda result: result.figures.map)
    with canvas(4.8, 0.8 + 0.3 * max(len(ordered), 2)) as drawn:
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
            if (baseline := permuted.get(result.method)) is not None:
                axes.plot(baseline, row, "x", color=PALETTE[1], markersize=6, markeredgewidth=1.6)
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
    with canvas(4.8, 3.4 + (0.16 * (len(metrics) - 8) if many else 0)) as drawn:
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


def bit_balance(metrics: list[Metrics]) -> str:
    """Draw a heat strip per method (columns are bits, blue 0 … white ½ … orange 1) and return a data: URI."""
    from matplotlib.colors import LinearSegmentedColormap

    width = max(len(result.bit_balance) for result in metrics)
    shares = [result.bit_balance + [float("nan")] * (width - len(result.bit_balance)) for result in metrics]
    diverging = LinearSegmentedColormap.from_list("balance", [PALETTE[0], "#f4f6f8", PALETTE[1]])
    with canvas(4.8, 0.95 + 0.26 * max(len(metrics), 2)) as drawn:
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
