"""A decision as one HTML document that loads nothing."""

from pathlib import Path

from medhash.core.documents import Difference
from medhash.core.plots import INK, MUTED, PALETTE, canvas
from medhash.releases.promotion.decision import DecisionReport, SliceLine
from medhash.releases.promotion.decision_text import figure, headline

_GOOD, _BAD = PALETTE[2], PALETTE[1]
_MOST_SLICES = 60


def gain_plot(gain: Difference, min_gain: float) -> str:
    """The gain with its 95 % interval and the margin its lower end must exceed; returns a data: URI."""
    with canvas(6.4, 1.25) as drawn:
        axes = drawn.figure.subplots()
        axes.plot(
            [gain.low, gain.high],
            [0, 0],
            color=_GOOD if gain.low > min_gain else _BAD,
            linewidth=3,
            solid_capstyle="butt",
        )
        axes.plot([gain.value], [0], "o", color=INK, markersize=6)
        axes.axvline(min_gain, color=MUTED, linestyle="--", linewidth=1.2)
        axes.set_yticks([])
        axes.set_xlabel("gain in lift of the challenger over the champion; dashed: what the lower end must exceed")
        axes.margins(x=0.12)
    return drawn.uri


def forest_plot(slices: list[SliceLine], max_drop: float) -> str:
    """Each slice's change with its interval, the greatest loss allowed as a dashed line; returns a data: URI.

    Open circles are slices of too few patients to judge. At most 60, those that lose most.
    """
    shown = sorted(slices, key=lambda line: line.difference)[:_MOST_SLICES]
    shown = [line for line in slices if line in shown]
    with canvas(6.4, 0.9 + 0.22 * len(shown)) as drawn:
        axes = drawn.figure.subplots()
        for row, line in enumerate(shown):
            color = MUTED if not line.judged else _BAD if line.difference < -max_drop else _GOOD
            axes.plot([line.low, line.high], [row, row], color=color, linewidth=1.6)
            axes.plot(
                [line.difference],
                [row],
                "o",
                color=color,
                markersize=5,
                markerfacecolor=color if line.judged else "white",
            )
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.axvline(-max_drop, color=_BAD, linestyle="--", linewidth=1.2)
        axes.set_yticks(range(len(shown)), [f"{line.kind} {line.value} ({line.n_patients})" for line in shown])
        axes.tick_params(axis="y", labelcolor=INK, length=0)
        axes.invert_yaxis()
        axes.set_xlabel("change of lift, challenger less champion; in brackets: patients")
    return drawn.uri


def uses_plot(uses: list[int]) -> str:
    """How many test patients were asked 0, 1, 2 … times; returns a data: URI."""
    from matplotlib.ticker import MaxNLocator

    with canvas(6.4, 1.9) as drawn:
        axes = drawn.figure.subplots()
        axes.bar(range(len(uses)), uses, color=PALETTE[0], width=0.8)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("decisions in which a test patient was asked")
        axes.set_ylabel("patients")
    return drawn.uri


_STYLE = Path(__file__).parents[2] / "core" / "style.css"


def render_page(report: DecisionReport) -> str:
    """Every text is escaped. report: with the digest of its audit line, where there is one."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": figure,
        "signed": lambda value: f"{value:+.4f}",
        "count": lambda value: f"{value:,}",
        "ms": lambda value: f"{value:.1f} ms",
        "megabytes": lambda value: f"{value / 1e6:,.2f} MB",
    }
    return environment.get_template("decision_page.html").render(
        report=report,
        headline=headline(report),
        style=_STYLE.read_text(encoding="utf-8"),
        gain_plot=gain_plot(report.gain, report.limits.min_gain) if report.gain else "",
        forest_plot=forest_plot(report.slices, report.limits.max_slice_drop) if report.slices else "",
        uses_plot=uses_plot(report.uses),
    )
