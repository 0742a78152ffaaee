"""Learning curves of one method: the loss and its terms, and validation MAP beside its chance line."""

from components.report.plots.style import MUTED, PALETTE, canvas

_NOT_A_LOSS = {"epoch", "learning_rate", "lr", "val_map", "images_per_second", "seconds", "distinct_codes"}


def learning_curves(history: list[dict[str, float | None]], chance: float) -> str:
    """Draw the rows of history.json (a row per epoch or iteration) and return a data: URI.

    history: rows with `epoch`, `loss` and any of its terms, and `val_map` where validation was measured.
    chance: validation MAP of a gallery in random order.
    """
    steps = [row.get("epoch", position) for position, row in enumerate(history)]
    names = [name for name in _keys(history) if name not in _NOT_A_LOSS and not name.startswith("val_")
             and _any_number(history, name)]
    with canvas(6.4, 2.35) as drawn:
        loss_axes, map_axes = drawn.figure.subplots(1, 2)
        for position, name in enumerate(sorted(names, key=lambda name: name != "loss")):
            values = [_number(row.get(name)) for row in history]
            loss_axes.plot(steps, values, label=name.replace("_", " "), color=PALETTE[position % len(PALETTE)],
                           linewidth=2 if name == "loss" else 1, linestyle="-" if name == "loss" else "--")
        loss_axes.set(title="loss", xlabel="epoch")
        if len(names) > 1:
            loss_axes.legend(ncols=1 if len(names) < 5 else 2)
        if _any_number(history, "val_map"):
            map_axes.plot(steps, [_number(row.get("val_map")) for row in history], color=PALETTE[0])
        map_axes.axhline(chance, color=MUTED, linestyle=":", linewidth=1.2, label=f"chance {chance:.3f}")
        map_axes.legend()
        map_axes.set(title="validation MAP", xlabel="epoch")
    return drawn.uri


def _keys(history: list[dict[str, float | None]]) -> list[str]:
    return list(dict.fromkeys(name for row in history for name in row))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _any_number(history: list[dict[str, float | None]], name: str) -> bool:
    return any(isinstance(row.get(name), int | float) for row in history)
