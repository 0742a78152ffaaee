"""A decision as one HTML document that loads nothing."""

from pathlib import Path

from components.promote.account import figure, headline
from components.promote.decision_report import DecisionReport
from components.promote.page.plots import forest_plot, gain_plot, uses_plot

_STYLE = Path(__file__).parents[2] / "report" / "style.css"


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
    return environment.get_template("template.html").render(
        report=report,
        headline=headline(report),
        style=_STYLE.read_text(encoding="utf-8"),
        gain_plot=gain_plot(report.gain, report.limits.min_gain) if report.gain else "",
        forest_plot=forest_plot(report.slices, report.limits.max_slice_drop) if report.slices else "",
        uses_plot=uses_plot(report.uses),
    )
