"""No promotion past a gate: each must have passed, on the data that lies here now."""

import json
import subprocess
import sys
from pathlib import Path

from medhash.core.documents import GateReport
from medhash.core.errors import MedhashError
from medhash.core.graph import PLAN, read_graph
from medhash.core.workspace import Workspace
from medhash.releases.promotion.clauses import Clause


def require_gates(workspace: Workspace) -> Clause:
    """Check the report of every gate of dvc.yaml; the clause that is returned held.

    Raises MedhashError naming the gate: no report, failed expectations, or a report about other data, settings or
    checks than those that lie here now.
    """
    graph = read_graph(workspace.root)
    gates = [stage.gated for stage in graph if stage.gated]
    for gated in gates:
        if not workspace.gate(gated).exists():
            raise MedhashError(
                f"the gate after {gated} has left no report, so nothing is promoted", "run the pipeline: `dvc repro`"
            )
        report = GateReport.read(workspace.gate(gated))
        failed = [f"{check.about}: {check.expectation}" for check in report.checks if not check.success]
        if failed or not report.success:
            raise MedhashError(
                f"the gate after {gated} failed, so nothing is promoted: {'; '.join(failed) or 'no check says why'}",
                f"mend what {workspace.gate(gated)} names, then run the pipeline again",
            )
    stale = stale_stages(workspace.root, [stage.name for stage in graph if stage.gated or stage.name == PLAN])
    if stale:
        raise MedhashError(
            f"data, code or settings have changed since {', '.join(stale)} ran, so nothing is promoted",
            "run the pipeline: `dvc repro`",
        )
    return Clause("gates", True, f"all {len(gates)} gates passed, on the data that lies here now")


def stale_stages(root: Path, stages: list[str]) -> list[str]:
    """Those of the stages whose inputs, settings or outputs differ from what dvc.lock says they ran with."""
    finished = subprocess.run(
        [sys.executable, "-m", "dvc", "--wait-for-lock", "status", "--json", *stages],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in finished.stdout.splitlines() if line.startswith("{")]
    if finished.returncode or not lines:
        text = (finished.stderr.strip() or finished.stdout.strip() or "no answer").splitlines()[-1]
        raise MedhashError(
            f"dvc cannot tell whether the gates are up to date: {text}",
            "run `dvc status` in the root of the repository and fix what it reports",
        )
    return sorted(json.loads(lines[-1]))
