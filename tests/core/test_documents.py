"""JSON documents are strict, and equal content is equal bytes."""

from pathlib import Path

import pytest

from medhash.core.documents import Check, GateReport, Interval
from medhash.core.errors import MedhashError

REPORT = GateReport(
    stage="split",
    success=False,
    checks=[
        Check(
            expectation="no patient is in two folds",
            about="split.parquet",
            success=False,
            observed="1",
            offending=["00ff"],
        )
    ],
)


def test_a_document_comes_back_and_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        REPORT.write(tmp_path / name)
    assert GateReport.read(tmp_path / "one.json") == REPORT
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"value": 1.0, "low": 0.5}', "high"),
        ('{"value": 1.0, "low": 0.5, "high": "2"}', "high"),
        ('{"value": 1.0, "low": 0.5, "high": 2.0, "unit": "%"}', "unit"),
        ('{"value": 1.0', "JSON"),
    ],
)
def test_a_broken_document_names_the_key(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "interval.json"
    path.write_text(text)
    with pytest.raises(MedhashError, match=named):
        Interval.read(path)
