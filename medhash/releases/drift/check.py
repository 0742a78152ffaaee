"""The drift check: measure, judge, write the page, log it, and stop the run where new images are too different."""

import os
import time
from pathlib import Path
from typing import NamedTuple

from medhash.core import tracking
from medhash.core.errors import MedhashError
from medhash.core.files import replacing_file
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.releases.audit import Line, append, read_log
from medhash.releases.drift.history import Measurement, log_report, read_history
from medhash.releases.drift.measure import DriftReport, measure_drift, not_measured
from medhash.releases.drift.page import HEADLINES, render_page
from medhash.releases.drift.profile import read_profile
from medhash.releases.registry import CHAMPION, Registry
from medhash.releases.release import FORMAT
from medhash.releases.searcher.copies import checked_copy

ACT = "accept-drift"


def accept(workspace: Workspace, report: DriftReport, reason: str, by: str | None) -> Line:
    """Record that this state is accepted; by: default the account that asks. Raises MedhashError without a reason."""
    if not reason.strip():
        raise MedhashError("--reason is empty", "say in a few words why these images are wanted")
    what = {
        "model": report.model,
        "version": report.champion,
        "model_digest": report.model_digest,
        "state": report.state,
        "n_images": report.n_images,
        "reason": reason.strip(),
        "drift": {finding.measure: finding.drift for finding in report.findings if finding.verdict == "stop"},
    }
    return append(workspace, ACT, what, who=by)


def accepted(workspace: Workspace, report: DriftReport) -> Line | None:
    """The latest entry that accepts the same new images beside the same champion.

    One image more, another file of one, or other labels are another state, and so is another champion.
    """
    asked = (report.model, report.model_digest, report.state)
    for line in reversed(read_log(workspace)):
        what = line.entry.what
        if line.entry.act == ACT and (what.get("model"), what.get("model_digest"), what.get("state")) == asked:
            return line
    return None


class Champion(NamedTuple):
    version: str
    model_digest: str
    folder: Path | None
    """Its release, checked, as it lies in var/cache/releases; None where it is of another format than is read here."""


def find_champion(workspace: Workspace, name: str) -> Champion | None:
    """The champion of the registered model; None if there is none yet.

    A damaged copy on this machine is fetched anew. Raises MedhashError if MLflow does not answer, or what it holds is
    damaged.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # read by MLflow as it is imported
    with tracking.answered():
        registry = Registry(tracking.connect(workspace), name, make=False)
        version = registry.version_of(CHAMPION)
        if version is None:
            return None
        if version.tags.get("format") != str(FORMAT):
            return Champion(str(version.version), version.tags.get("model_digest", "unknown"), None)
        folder, release = checked_copy(workspace, registry, version)
    return Champion(str(version.version), release.model_digest, folder)


class Acceptance(NamedTuple):
    """Somebody's word that these images may be trained on."""

    reason: str
    by: str | None
    """None: the account that asks."""


def check_drift(workspace: Workspace, params: Params, acceptance: Acceptance | None = None) -> DriftReport:
    """Compare the new images with the champion's, write the page, and log figures and page to MLflow.

    acceptance: recorded if the drift would stop the run; the same new images then pass until the champion changes,
    with the verdict `accepted`. Raises MedhashError if MLflow does not answer, the champion's release is damaged, or
    a table or the pixel store is missing.
    """
    report = _measure(workspace, params)
    if report.verdict == "stop":
        if acceptance is not None:
            accept(workspace, report, acceptance.reason, acceptance.by)
        entry = accepted(workspace, report)
        if entry is not None:
            said = f"accepted by {entry.entry.who} at {entry.entry.at}: {entry.entry.what['reason']}"
            report = report.model_copy(update={"verdict": "accepted", "notes": [*report.notes, said]})
    _publish(workspace, report)
    return report


def require_no_stop(workspace: Workspace, report: DriftReport) -> None:
    """Raise MedhashError naming the measures if the report stops the run."""
    if report.verdict != "stop":
        return
    far = ", ".join(
        f"{finding.measure} ({finding.drift:.2f})" for finding in report.findings if finding.verdict == "stop"
    )
    raise MedhashError(
        f"{report.n_images:,} images that are new since the champion differ too much from those it was trained on: "
        f"{far}; drift.stop is {report.stop:g}",
        f"look at {workspace.drift_report}, then at the scanner, the export or the labels behind it. If the change is "
        "wanted: `medhash drift --accept --reason …` lets these images pass, or raise drift.stop in params.yaml for "
        "one run",
    )


def format_report(report: DriftReport) -> str:
    """The report as a few lines for a terminal or a task's log."""
    lines = []
    if report.findings:
        lines = [f"{'measure':<16}{'PSI':>8}{'drift':>8}{'warn':>7}{'stop':>7}  verdict"]
        lines += [
            f"{finding.measure:<16}{finding.psi:>8.3f}{finding.drift:>8.3f}{report.warn:>7g}{report.stop:>7g}  "
            f"{finding.words(report.warn)}"
            for finding in report.findings
        ]
    lines += [f"note: {note}" for note in report.notes]
    return "\n".join(
        [
            *lines,
            f"drift: {report.verdict}: {HEADLINES[report.verdict]} ({report.n_images:,} new images "
            f"of {report.n_patients:,} patients)",
        ]
    )


def _measure(workspace: Workspace, params: Params) -> DriftReport:
    champion = find_champion(workspace, params.promote.name)
    if champion is None:
        return not_measured(params, None, f"{params.promote.name} has no champion yet")
    profile = read_profile(champion.folder) if champion.folder is not None else None
    if champion.folder is None or profile is None:
        return not_measured(
            params,
            champion.version,
            f"the release of version {champion.version} has no profile of "
            "its images: another version of medhash made it; the next promotion brings one",
        )
    return measure_drift(workspace, params, champion.version, champion.folder, profile, champion.model_digest)


def _publish(workspace: Workspace, report: DriftReport) -> None:
    client = tracking.connect(workspace)
    now = Measurement(
        int(time.time() * 1000),
        report.champion or "none",
        {finding.measure: finding.drift for finding in report.findings},
    )
    history = [*read_history(client, report.model), now] if report.findings else []
    page = render_page(report, history)
    report.write(workspace.drift_report.with_name("drift.json"))
    with replacing_file(workspace.drift_report) as temporary:
        temporary.write_text(page, encoding="utf-8")
    if report.findings:
        log_report(client, workspace, report)
