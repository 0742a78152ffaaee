"""Learning curves of one method: the loss and its terms, validation MAP beside chance, and distinct codes."""

from matplotlib.ticker import MaxNLocator

from components.report.plots.style import INK, MUTED, PALETTE, canvas

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
