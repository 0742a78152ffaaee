"""The account of a promotion, for the person who reads the log and for the run's artifacts."""

from typing import TYPE_CHECKING

from components.documents import Metrics
from components.promote.rivals import Score
from components.promote.rule import Decision

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


def account(name: str, version: "ModelVersion", metrics: Metrics, champion: "ModelVersion | None",
            rival: Score | None, decision: Decision) -> str:
    """A few lines of Markdown: who met whom, on what, with which figures, and what came of it."""
    interval = metrics.intervals.get("map")
    spread = f" [{interval.low:.4f}, {interval.high:.4f}]" if interval else ""
    lines = [f"# {name}: version {version.version} is {'' if decision.promote else 'not '}promoted", "",
             f"- why: {decision.why}",
             f"- challenger: version {version.version}, {metrics.method}, {metrics.bits} bits, chosen by validation "
             f"MAP {metrics.validation_map:.4f}; test MAP {metrics.figures.map:.4f}{spread}, chance "
             f"{metrics.chance.map:.4f}"]
    if champion is not None and rival is not None:
        lines.append(f"- champion it met: version {champion.version}, {champion.tags.get('method', 'unknown method')}; "
                     f"MAP {rival.map:.4f} ({rival.how})")
    lines.append(f"- measured on {metrics.n_queries:,} queries and {metrics.n_gallery:,} gallery images, evaluation "
                 f"{metrics.evaluation_digest[:12]}")
    serving = version if decision.promote else champion
    lines.append(f"- serving now: {f'version {serving.version}' if serving is not None else 'nothing'}"
                 + (f"; version {champion.version} is kept as `previous`" if decision.promote and champion else ""))
    return "\n".join(lines) + "\n"
