"""Great Expectations at work: inspections → validation results → checks of a gate report."""

import os
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when the package is imported: no telemetry

import great_expectations as gx
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.data_context.types.base import ProgressBarsConfig

from components.quality.inspection import ROW, Inspection
from medhash.core.documents import Check

_SHOWN = 20
_FEW_ROWS = 6
"""A table of at most so many rows is small enough to show all its values."""


def validate(inspections: list[Inspection]) -> list[ExpectationSuiteValidationResult]:
    """Run every expectation; a result per inspection, in order."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("medhash")
    results = []
    for number, inspection in enumerate(inspections):
        suite = gx.ExpectationSuite(name=f"{number + 1:02}-{inspection.about}")
        for words, expectation in inspection.expected.items():
            expectation.notes = words
            suite.add_expectation(expectation)
        batch = (
            source.add_dataframe_asset(suite.name)
            .add_batch_definition_whole_dataframe("all")
            .get_batch({"dataframe": inspection.frame})
        )
        # SUMMARY names the first 20 rows; COMPLETE lists every one: a page of 800 kB for a table that fails whole.
        results.append(
            batch.validate(
                suite,
                result_format={
                    "result_format": "SUMMARY",
                    "unexpected_index_column_names": [ROW],
                    "partial_unexpected_count": _SHOWN,
                },
            )
        )
    return results


def checks_of(inspection: Inspection, result: ExpectationSuiteValidationResult) -> list[Check]:
    """What was found of an inspection, in the order of its expectations.

    Raises RuntimeError if an expectation could not be evaluated: that is a fault of the suite, not of the data.
    """
    found = {item.expectation_config.notes: item for item in result.results if item.expectation_config}
    return [_check(words, inspection, found[words]) for words in inspection.expected]


def _check(words: str, inspection: Inspection, item: ExpectationValidationResult) -> Check:
    if _raised(item.exception_info):
        raise RuntimeError(f"{inspection.about}: {words}: {item.exception_info}")
    column = (item.expectation_config.kwargs if item.expectation_config else {}).get("column")
    offending = [
        str(row[ROW]) + _value(row.get(column)) for row in item.result.get("partial_unexpected_index_list") or []
    ]
    n_rows = len(inspection.frame)
    if "observed_value" in item.result:
        observed = str(item.result["observed_value"])
    elif (n_rows <= _FEW_ROWS or inspection.shows_values) and any(map(_value, inspection.frame[column])):
        observed = ", ".join(
            str(name) + _value(value)
            for name, value in zip(inspection.frame[ROW], inspection.frame[column], strict=True)
        )
    else:
        n_bad = item.result["unexpected_count"]
        observed = f"{n_bad:,} of {n_rows:,} rows not so" if n_bad else f"all {n_rows:,} rows"
    return Check(
        expectation=words,
        about=inspection.about,
        success=bool(item.success),
        observed=observed,
        offending=offending[:_SHOWN],
    )


def _value(value: Any) -> str:
    """A cell for the reader; a truth value or an empty text adds nothing to the words of the expectation."""
    if isinstance(value, float):
        return f": {value:.4g}"
    return "" if str(value) in ("True", "False", "None", "") else f": {value}"


def _raised(info: Any) -> bool:
    """The flag stands in the record itself, or in one record per metric."""
    if not isinstance(info, dict):
        return False
    return bool(info.get("raised_exception")) or any(_raised(inner) for inner in info.values())
