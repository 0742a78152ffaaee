"""MAP of every method with its 95 % interval, sorted, beside the chance line."""

from components.documents import Metrics
from components.report.plots.style import INK, MUTED, PALETTE, canvas


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
