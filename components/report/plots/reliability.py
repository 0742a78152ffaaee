"""Reliability diagrams: how often what is said with some confidence is right."""

from collections.abc import Mapping

from components.documents import Calibration
from components.report.plots.style import MUTED, PALETTE, canvas

_N_COLUMNS = 4


def reliability(parts: Mapping[str, Calibration]) -> str:
    """Draw a panel per attribute, and one for bits, and return a data: URI.

    A bar per bin reaches from its low to its high end and up to its accuracy, the darker the more cases it has; a point
    stands at its mean confidence. On the dotted diagonal confidence can be taken at its word.
    """
    n_columns = min(max(len(parts), 3), _N_COLUMNS)
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
