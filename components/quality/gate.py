"""The gate after a stage: a report that later stages depend on, Data Docs, and a verdict."""

import html
import importlib
from pathlib import Path

from components.documents import GateReport
from components.errors import MedhashError
from components.files import replacing_file, replacing_folder
from components.params import Params
from components.workspace import Workspace

STAGES = ("ingest", "split", "labels", "similarity", "features", "train", "encode", "index", "evaluate")


def run_gate(stage: str, workspace: Workspace, params: Params) -> GateReport:
    """Check what a stage wrote. The report is written whether it succeeds or not; the old one goes first.

    So no report means that the gate itself could not run, and a report without success says what failed.
    Nothing but the report and the Data Docs is touched. Raises MedhashError if the stage's tables are not there.
    """
    path = workspace.gate(stage)
    path.unlink(missing_ok=True)
    suite = importlib.import_module(f"components.quality.suites.{stage}")
    from components.quality.validation import validate

    checks, pages = validate(suite.inspect(workspace, params))
    report = GateReport(stage=stage, success=all(check.success for check in checks), checks=checks)
    _write_docs(workspace.data_docs, stage, pages)
    report.write(path)
    return report


def describe(report: GateReport) -> str:
    """A line per check."""
    width = max(len(check.about) for check in report.checks)
    return "\n".join(f"{'✓' if check.success else '✗'} {check.about:<{width}}  {check.expectation} ({check.observed})"
                     for check in report.checks)


def failure(report: GateReport, docs: Path) -> MedhashError:
    """What failed, about which table, and up to 20 rows each."""
    failed = [f"{check.about}: {check.expectation}: {check.observed}"
              + "".join(f"\n    {row}" for row in check.offending) for check in report.checks if not check.success]
    return MedhashError(f"gate {report.stage}: {len(failed)} of {len(report.checks)} expectations failed\n  "
                        + "\n  ".join(failed),
                        f"mend the rows named above in the stage {report.stage} or its input, or the limit in "
                        f"params.yaml, and run it again; {docs} shows more. Later stages did not run and their last "
                        "outputs stand")


def _write_docs(folder: Path, stage: str, pages: dict[str, str]) -> None:
    """The pages take the place of this stage's last ones; the index lists what every gate has left."""
    with replacing_folder(folder / stage) as temporary:
        for name, page in pages.items():
            (temporary / f"{name}.html").write_text(page)
    rows = [f'<li><a href="{path.parent.name}/{path.name}">{html.escape(f"{gate}: {path.stem}")}</a></li>'
            for gate in STAGES for path in sorted((folder / gate).glob("*.html"))]
    with replacing_file(folder / "index.html") as index:
        index.write_text("<!doctype html><meta charset='utf-8'><title>Data Docs</title><h1>Data Docs</h1>"
                         f"<ul>{''.join(rows)}</ul>\n")
