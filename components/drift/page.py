"""The drift page: one HTML document that loads nothing from anywhere else."""

from pathlib import Path

from components.drift.figures import compared, over_time
from components.drift.findings import ALPHA
from components.drift.history import Measurement
from components.drift.measure import DriftReport
from components.drift.spreads import MEASURES

HEADLINES = {
    "ok": "the new images are like those the champion was trained on",
    "warn": "the new images differ; the run goes on",
    "stop": "the new images differ too much; the run stops before training",
    "accepted": "the new images differ too much, and somebody has accepted it",
    "not judged": "too few new images to judge",
    "not measured": "nothing was compared",
}
_STYLE = Path(__file__).parents[1] / "report" / "style.css"


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
    return environment.get_template("template.html").render(
        report=report,
        headline=HEADLINES[report.verdict],
        flags=flags,
        about=MEASURES,
        alpha=ALPHA,
        figures={finding.measure: compared(finding) for finding in report.findings},
        n_history=len(history),
        over_time=over_time(history, report.warn, report.stop) if len(history) > 1 else "",
        style=_STYLE.read_text(),
    )
