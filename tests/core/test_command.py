"""How a command ends: quietly where nobody reads on, and with a message where something else broke."""

import subprocess
import sys

import pytest

WRITES = """
from medhash.core.command import reports_errors

@reports_errors
def main(argv):
    for number in range({lines}):
        print(number)
    return 0

raise SystemExit(main(None))
"""


@pytest.mark.parametrize("lines", [2, 100_000], ids=["as it ends", "in the middle"])
def test_a_reader_who_has_seen_enough_is_no_error(lines: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITES.format(lines=lines)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_another_broken_pipe_than_that_of_the_output_is_reported() -> None:
    script = WRITES.format(lines=1).replace("return 0", "raise BrokenPipeError(32, 'Broken pipe')")
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Broken pipe" in result.stderr
