"""Accepting a drift: somebody has looked, and says why the same new images may be trained on."""

from components.audit.log import Line, append, read_log
from components.drift.measure import DriftReport
from components.errors import MedhashError
from components.workspace import Workspace

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
