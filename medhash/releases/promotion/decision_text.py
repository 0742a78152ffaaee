"""A decision as Markdown, for the log and for the artifacts of the run."""

from typing import TYPE_CHECKING

from medhash.core.documents import Interval
from medhash.releases.promotion.decision import DecisionReport

if TYPE_CHECKING:
    from medhash.releases.promotion.renewal import Renewal


def decision_text(report: DecisionReport, renewal: "Renewal | None" = None) -> str:
    """A few lines of Markdown: who met whom, on what, with which figures, and what came of it; the verdict last.

    renewal: what became of the champion's gallery, where it stays and images came or left.
    """
    lines = [
        f"# {headline(report)}",
        "",
        f"- challenger: version {report.version}, {report.method}, {report.bits} bits, chosen by validation "
        f"{'MAP' if report.chosen_by == 'map' else 'lift'} {figure(report.validation)}; lift "
        f"{interval(report.challenger_lift)}, MAP {figure(report.challenger_map)}, exchanged "
        f"{figure(report.challenger_permuted)}, chance {figure(report.chance)}",
    ]
    if report.champion_version is not None:
        lines.append(
            f"- champion: version {report.champion_version}, {report.champion_method}; lift "
            f"{interval(report.champion_lift)}, MAP {figure(report.champion_map)}, exchanged "
            f"{figure(report.champion_permuted)}" + (f" ({report.champion_how})" if report.champion_how else "")
        )
    if report.gain is not None:
        lines.append(
            f"- gain in lift: {report.gain.value:+.4f}, 95 % interval [{report.gain.low:+.4f}, "
            f"{report.gain.high:+.4f}], on the same queries, resampled by patient"
        )
    lines += [
        f"- measured on {report.n_answerable:,} of {report.n_queries:,} queries of {report.n_patients:,} test "
        f"patients (group {report.group + 1} of {len(report.groups)}, whose turn it is) and "
        f"{report.n_gallery:,} gallery cases",
        "",
    ]
    lines += [
        f"- {'✓' if clause.held else '✗'} {clause.name}: {clause.why}"
        + (f" → {clause.fix}" if clause.fix and not clause.held else "")
        for clause in report.clauses
    ]
    serving = report.version if report.promoted else report.champion_version
    if renewal is not None:
        serving = renewal.version or serving
    kept = f"; version {report.champion_version} is kept as `previous`" * (
        report.promoted and report.champion_version is not None
    )
    lines += [
        "",
        f"- serving now: {f'version {serving}' if serving is not None else 'nothing'}{kept}",
        *([f"- today's gallery: {renewal.summary}"] if renewal is not None else []),
        "",
        f"{headline(report)}: {report.why}",
    ]
    return "\n".join(lines) + "\n"


def headline(report: DecisionReport) -> str:
    """`medhash-nih: version 3 is not promoted`, and so on."""
    became = {
        "promoted": "is promoted",
        "forced": "is promoted by force",
        "held": "is not promoted: the champion is held",
        "not promoted": "is not promoted",
    }
    return f"{report.model}: version {report.version} {became[report.outcome]}"


def figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"


def interval(found: Interval | None) -> str:
    return "unknown" if found is None else f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
