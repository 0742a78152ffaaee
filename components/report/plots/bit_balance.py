"""How often each bit of a method's codes is 1: a bit far from one half tells images apart badly."""

from components.documents import Metrics
from components.report.plots.style import INK, MUTED, PALETTE, canvas


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
