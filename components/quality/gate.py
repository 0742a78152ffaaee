"""The gate after a stage: a report, Data Docs, and the passes that later stages depend on."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from components.quality import passes
from medhash.core.documents import GateReport
from medhash.core.errors import MedhashError
from medhash.core.params import Params
from medhash.core.workspace import Workspace

if TYPE_CHECKING:
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

    from components.quality.inspection import Inspection


def run_gate(stage: str, workspace: Workspace, params: Params) -> GateReport:
    """Check what a stage wrote. The report is written whether it succeeds or not; the old one goes first.

    So no report means that the gate itself could not run, and a report without success says what failed. Passes, on
    which later stages depend, are there only after a success. Nothing but these and the Data Docs is touched. Raises
    MedhashError if the stage's tables are not there.
    """
    path = workspace.gate(stage)
    path.unlink(missing_ok=True)
    passes.withdraw(workspace, stage)
    report, results = check_stage(stage, workspace, params)
    from components.quality.docs import write_docs

    write_docs(workspace.data_docs, stage, results)
    report.write(path)
    if report.success:
        passes.give(workspace, stage, params)
    return report


def check_stage(
    stage: str, workspace: Workspace, params: Params
) -> "tuple[GateReport, list[ExpectationSuiteValidationResult]]":
    """What a stage's suite finds, and Great Expectations' results behind it. Writes nothing."""
    from components.quality.validation import checks_of, validate

    inspections = suite_of(stage)(workspace, params)
    results = validate(inspections)
    checks = [
        check
        for inspection, result in zip(inspections, results, strict=True)
        for check in checks_of(inspection, result)
    ]
    return GateReport(stage=stage, success=all(check.success for check in checks), checks=checks), results


def suite_of(stage: str) -> Callable[[Workspace, Params], "list[Inspection]"]:
    """What a stage's gate expects of its tables."""
    inspect: Callable[[Workspace, Params], list[Inspection]] = importlib.import_module(
        f"components.{stage}.gate"
    ).inspect
    return inspect


def describe(report: GateReport) -> str:
    """A line per check."""
    width = max(len(check.about) for check in report.checks)
    return "\n".join(
        f"{'✓' if check.success else '✗'} {check.about:<{width}}  {check.expectation} ({check.observed})"
        for check in report.checks
    )


def failure(report: GateReport, docs: Path) -> MedhashError:
    """What failed, about which table, and up to 20 rows each."""
    failed = [
        f"{check.about}: {check.expectation}: {check.observed}" + "".join(f"\n    {row}" for row in check.offending)
        for check in report.checks
        if not check.success
    ]
    return MedhashError(
        f"gate {report.stage}: {len(failed)} of {len(report.checks)} expectations failed\n  " + "\n  ".join(failed),
        f"mend the rows named above in the stage {report.stage} or its input, or the limit in "
        f"params.yaml, and run it again; {docs} shows more. Later stages did not run and their last "
        "outputs stand",
    )
