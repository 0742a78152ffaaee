"""What someone who watches a run reads, and what the demo keeps of it."""

import io

from medhash.platform.airflow.operators import progress_line
from medhash.platform.demo.progress import Progress

LOGGER = "[airflow.task.operators.medhash.platform.airflow.operators.StageOperator] loc=x.py:1"


def watched(*lines: str) -> tuple[Progress, str]:
    out = io.StringIO()
    progress = Progress(3, out)
    for line in lines:
        progress.read(f"2026-11-21T01:29:52Z [info     ] {line} {LOGGER}\n")
    return progress, out.getvalue()


def test_every_finished_item_has_a_line_with_its_place_and_seconds():
    progress, printed = watched(
        progress_line("split", "started"),
        "fold images",
        progress_line("split", "done", seconds=1.5),
        progress_line("labels", "started"),
        progress_line("labels", "done", seconds=20.0),
    )
    first, second = printed.splitlines()
    assert first.startswith("[ 1/3] split ")
    assert " 1.5 s" in first
    assert second.startswith("[ 2/3] labels ")
    assert progress.seconds == {"split": 1.5, "labels": 20.0}
    assert progress.said == {"split": ["fold images"], "labels": []}


def test_a_failure_keeps_its_message_until_a_retry_succeeds():
    failed = [progress_line("train@lsh", "started"), progress_line("train@lsh", "failed", message="disk\n  fix: room")]
    progress, printed = watched(*failed)
    assert progress.failed == {"train@lsh": "disk\n  fix: room"}
    assert "train@lsh" in printed
    assert "failed" in printed
    again, _ = watched(*failed, progress_line("train@lsh", "started"), progress_line("train@lsh", "done", seconds=1.0))
    assert again.failed == {}
    assert again.n_done == 1


def test_lines_of_airflow_itself_are_not_taken_for_the_items_words():
    progress, _ = watched(progress_line("split", "started"))
    progress.read("2026-11-21T01:29:52Z [info     ] Task instance state updated [airflow.api_fastapi] loc=y.py:2\n")
    assert progress.said == {"split": []}
