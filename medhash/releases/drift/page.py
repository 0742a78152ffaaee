"""The drift page: one HTML document that loads nothing from anywhere else."""

from datetime import UTC, datetime
from pathlib import Path

from matplotlib.ticker import FormatStrFormatter

from medhash.core.plots import INK, MUTED, PALETTE, canvas, method_line
from medhash.releases.drift.findings import ALPHA, Finding
from medhash.releases.drift.history import Measurement
from medhash.releases.drift.measure import DriftReport
from medhash.releases.drift.spreads import MEASURES

_NARROW, _SHORT = 12, 16
"""So many bins, with names of so many letters, can be read side by side; else they lie on their side."""


def shares_plot(finding: Finding) -> str:
    """Two bars per bin that is not empty in both: the share of patients in the baseline and among the new images."""
    used = [both for both in zip(finding.bins, finding.baseline, finding.new, strict=True) if any(both[1:])]
    bins, baseline, new = zip(*used, strict=True)
    places, n_bins = range(len(bins)), len(bins)
    sideways = n_bins > _NARROW or max(map(len, bins)) > _SHORT
    with canvas(6.4, 0.9 + 0.24 * n_bins if sideways else 2.3) as drawn:
        axes = drawn.figure.subplots()
        for shift, shares, colour, name in ((-0.2, baseline, "#9aa5b1", "champion's"), (0.2, new, PALETTE[0], "new")):
            (axes.barh if sideways else axes.bar)(
                [place + shift for place in places], shares, 0.38, color=colour, label=name
            )
        if sideways:
            axes.set_yticks(places, bins)
            axes.invert_yaxis()
            axes.set_xlabel("share of patients")
            axes.grid(False, axis="y")
        else:
            axes.set_xticks(places, bins, rotation=30, ha="right")
            axes.set_ylabel("share of patients")
            axes.grid(False, axis="x")
        axes.legend()
    return drawn.uri


def over_time(history: list[Measurement], warn: float, stop: float) -> str:
    """A line per measure over the measurements, the two limits dotted, a thin upright where the champion changed.

    Linear up to the upper limit, logarithmic beyond it: one wild measure must not flatten the others.
    """
    times = [datetime.fromtimestamp(measurement.at_ms / 1000, UTC) for measurement in history]
    measures = [name for name in MEASURES if any(name in measurement.drift for measurement in history)]
    with canvas(6.8, 3.0) as drawn:
        axes = drawn.figure.subplots()
        for position, name in enumerate(measures):
            axes.plot(
                range(len(history)),
                [measurement.drift.get(name, float("nan")) for measurement in history],
                marker="o",
                markersize=3,
                label=name,
                **method_line(position),
            )
        for limit, name in ((warn, "warn"), (stop, "stop")):
            axes.axhline(limit, color=INK, linestyle=":", linewidth=1)
            axes.annotate(name, (0, limit), xytext=(2, 2), textcoords="offset points", fontsize=8, color=MUTED)
        for place in range(1, len(history)):
            if history[place].champion != history[place - 1].champion:
                axes.axvline(place - 0.5, color=MUTED, linewidth=0.8)
        shown = range(0, len(history), max(1, len(history) // 8))
        axes.set_xticks(shown, [f"{times[place]:%Y-%m-%d}" for place in shown], rotation=30, ha="right")
        axes.set_yscale("symlog", linthresh=max(stop, 0.1))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.set_ylabel("drift (PSI less chance)")
        drawn.figure.legend(loc="outside right upper")
    return drawn.uri


HEADLINES = {
    "ok": "the new images are like those the champion was trained on",
    "warn": "the new images differ; the run goes on",
    "stop": "the new images differ too much; the run stops before training",
    "accepted": "the new images differ too much, and somebody has accepted it",
    "not judged": "too few new images to judge",
    "not measured": "nothing was compared",
}
_STYLE = Path(__file__).parents[2] / "core" / "style.css"


def render_page(report: DriftReport, history: list[Measurement]) -> str:
    """The page; every text is escaped. history: the measurements to draw over time, this one last."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    flags = {"ok": "good", "warn": "warn", "stop": "bad", "accepted": "warn"}
    return environment.get_template("page.html").render(
        report=report,
        headline=HEADLINES[report.verdict],
        flags=flags,
        about=MEASURES,
        alpha=ALPHA,
        figures={finding.measure: shares_plot(finding) for finding in report.findings},
        n_history=len(history),
        over_time=over_time(history, report.warn, report.stop) if len(history) > 1 else "",
        style=_STYLE.read_text(),
    )
