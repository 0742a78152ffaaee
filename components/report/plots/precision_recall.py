"""Precision over recall as the Hamming radius grows, one line per method, beside the chance line."""

from components.documents import Metrics
from components.report.plots.style import MUTED, canvas, method_line


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
