"""Great Expectations at work: inspections → checks of a gate report, and one page of Data Docs per inspection."""

import os
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "false"                # read when the package is imported: no telemetry

import great_expectations as gx
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView

from components.documents import Check
from components.quality.inspection import ROW, Inspection

_SHOWN = 20
_FEW_ROWS = 6
"""A table of at most so many rows is small enough to show all its values."""


def validate(inspections: list[Inspection]) -> tuple[list[Check], dict[str, str]]:
    """Run every expectation. Returns the checks in order, and the Data Docs as page name → HTML.

    Raises RuntimeError if an expectation could not be evaluated: that is a fault of the suite, not of the data.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("medhash")
    checks, pages = [], {}
    for number, inspection in enumerate(inspections):
        name = f"{number + 1:02}-{inspection.about}"
        suite = gx.ExpectationSuite(name=name)
        for words, expectation in inspection.expected.items():
            expectation.notes = words
            suite.add_expectation(expectation)
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all").get_batch(
            {"dataframe": inspection.frame})
        # SUMMARY names the first 20 rows; COMPLETE lists every one: a page of 800 kB for a table that fails whole.
        result = batch.validate(suite, result_format={
            "result_format": "SUMMARY", "unexpected_index_column_names": [ROW], "partial_unexpected_count": _SHOWN})
        found = {item.expectation_config.notes: item for item in result.results if item.expectation_config}
        checks += [_check(words, inspection, found[words]) for words in inspection.expected]
        pages[name] = _page(result)
    return checks, pages


def _check(words: str, inspection: Inspection, item: ExpectationValidationResult) -> Check:
    if _raised(item.exception_info):
        raise RuntimeError(f"{inspection.about}: {words}: {item.exception_info}")
    column = (item.expectation_config.kwargs if item.expectation_config else {}).get("column")
    offending = [str(row[ROW]) + _value(row.get(column))
                 for row in item.result.get("partial_unexpected_index_list") or []]
    n_rows = len(inspection.frame)
    if "observed_value" in item.result:
        observed = str(item.result["observed_value"])
    elif n_rows <= _FEW_ROWS:
        observed = ", ".join(str(name) + _value(value) for name, value in
                             zip(inspection.frame[ROW], inspection.frame[column], strict=True))
    else:
        n_bad = item.result["unexpected_count"]
        observed = f"{n_bad:,} of {n_rows:,} rows not so" if n_bad else f"all {n_rows:,} rows"
    return Check(expectation=words, about=inspection.about, success=bool(item.success), observed=observed,
                 offending=offending[:_SHOWN])


def _value(value: Any) -> str:
    """A cell for the reader; a truth value adds nothing to the words of the expectation."""
    if isinstance(value, float):
        return f": {value:.4g}"
    return "" if str(value) in ("True", "False", "None") else f": {value}"


def _raised(info: Any) -> bool:
    """The flag stands in the record itself, or in one record per metric."""
    if not isinstance(info, dict):
        return False
    return bool(info.get("raised_exception")) or any(_raised(inner) for inner in info.values())


def _page(result: ExpectationSuiteValidationResult) -> str:
    html: str = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result))
    return html.replace("../../../../index.html", "../index.html")
