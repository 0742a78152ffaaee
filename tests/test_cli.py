"""The command line: every command helps at once and without heavy imports."""

import subprocess
import sys

import pytest

from medhash.cli import COMMANDS, GROUPS, main

HEAVY = {"torch", "mlflow", "airflow", "great_expectations", "pandas", "pyarrow", "faiss", "sklearn", "cv2", "dvc"}


@pytest.mark.parametrize("command", [*COMMANDS, None])
def test_help_imports_nothing_heavy(command: str | None) -> None:
    """Import cost, not wall time, is asserted: it is what makes --help slow."""
    arguments = [command, "--help"] if command else ["--help"]
    script = f"""
import sys
from medhash.cli import main
try:
    code = main({arguments!r})
except SystemExit as stop:
    code = stop.code
assert not code, code
heavy = {HEAVY!r} & set(sys.modules)
assert not heavy, heavy
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "usage:" in result.stdout


def test_help_lists_every_command_once_in_lines_that_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == list(COMMANDS)
    assert len(COMMANDS) == sum(len(group) for group in GROUPS.values())
    assert max(map(len, lines)) < 110


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    from medhash import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"medhash {__version__}\n"


def test_an_unknown_command_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian"]) == 2
    assert "train" in capsys.readouterr().err


def test_a_missing_params_file_is_one_clear_error(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["split", "--root", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert "params.yaml" in message
    assert "fix:" in message
    assert "Traceback" not in message
