"""Plots over methods and epochs: lift, precision–recall, learning curves, bit balance."""

from matplotlib.ticker import MaxNLocator

from medhash.core.documents import Metrics
from medhash.core.plots import INK, MUTED, PALETTE, canvas, method_line

_NOT_A_LOSS = {"learning_rate", "alpha", "val_map", "val_lift", "distinct_codes", "worst_bit_imbalance"}
History = list[dict[str, float | None]]


def lift_bars(metrics: list[Metrics]) -> str:
    """Draw lift with its interval per method, best at the top, and return a data: URI.

    A dot is lift in the gallery that serves, a ring the same against the unseen gallery.
    """
    ordered = sorted(metrics, key=lambda result: result.seen.lift.value if result.seen else 0.0)
    with canvas(4.8, 1.0 + 0.36 * max(len(ordered), 2)) as drawn:
        axes = drawn.figure.subplots()
        for row, result in enumerate(ordered):
            galleries = (("seen", result.seen, 0.12, "full"), ("unseen", result.unseen, -0.12, "none"))
            for name, found, shift, fill in galleries:
                if found is None:
                    continue
                lift, colour = found.lift, PALETTE[0] if found.lift.low > 0 else MUTED
                axes.plot([lift.low, lift.high], [row + shift] * 2, color=colour, linewidth=1.4)
                label = f"{name} gallery" if row == len(ordered) - 1 else None
                axes.plot(lift.value, row + shift, "o", color=colour, fillstyle=fill, markersize=5, label=label)
        axes.axvline(0, color=MUTED, linestyle=":", linewidth=1.4)
        axes.set_yticks(range(len(ordered)), [result.method for result in ordered])
        axes.tick_params(axis="y", labelcolor=INK, length=0)
        axes.grid(False, axis="y")
        axes.set_ylim(-0.6, len(ordered) - 0.4)
        axes.set_xlabel("lift: MAP − MAP with exchanged labels")
        if axes.get_legend_handles_labels()[0]:
            drawn.figure.legend(loc="outside upper center", ncols=2)
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


def learning_curves(epochs: History, best_epoch: int) -> str:
    """Draw the epochs of history.json and return a data: URI.

    epochs: a row per epoch with `loss`, its terms, `val_lift` and `distinct_codes`. best_epoch: row of the weights
    that were kept, marked by a dot.
    """
    steps = range(1, len(epochs) + 1)
    terms = sorted((name for name in epochs[0] if name not in _NOT_A_LOSS), key=lambda name: name != "loss")
    with canvas(7.6, 2.4) as drawn:
        loss_axes, lift_axes, code_axes = drawn.figure.subplots(1, 3)
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
            (lift_axes, "val_lift", "validation lift"),
            (code_axes, "distinct_codes", "distinct codes, train fold"),
        ):
            values = _values(epochs, name)
            axes.plot(steps, values, color=PALETTE[0])
            axes.plot(best_epoch + 1, values[best_epoch], "o", color=INK, markersize=4.5)
            axes.set(title=title, xlabel="epoch")
        lift_axes.axhline(0, color=MUTED, linestyle=":", linewidth=1.2)
        code_axes.set_ylim(bottom=0)
        for axes in (loss_axes, lift_axes, code_axes):
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
