"""Forgetting nobody, forgetting twice at once, or forgetting in the middle of a run: refused, with nothing touched."""

import fcntl
import json
import os

import pytest

from medhash.commands.forget import main


def forget(holding, *words: str) -> int:
    return main([*words, "--root", str(holding.root)])


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["00ff", "--reason", "x"], "pseudonym 1 is not one: it has 4 characters"),
        (["0123456789abcdeF", "--reason", "x"], "pseudonym 1 is not one"),
        (["0123456789abcdef", "--reason", "x"], "no table, no release and no cache of this checkout holds"),
        (["{patient}"], "--reason is missing"),
        (["{patient}", "--reason", " "], "--reason is missing"),
        (["{patient}", "--reason", "{patient} asked"], "--reason or --by holds the pseudonym"),
        (["{patient}", "0123456789abcdef", "--reason", "x"], "no table, no release"),
    ],
)
def test_whom_nobody_knows_and_acts_without_a_reason_are_refused(words, error, holding, capsys):
    assert forget(holding, *(word.format(patient=holding.patient) for word in words)) == 1
    assert error in (told := capsys.readouterr().err)
    assert holding.patient not in told
    assert not holding.workspace.forgotten.exists()
    assert holding.workspace.images.exists()


@pytest.mark.parametrize(
    ("lock", "error"),
    [
        ("forget.lock", "another `medhash forget` is running"),
        ("ingest.lock", "another ingest is working"),
        ("staging.lock", "is under way in this checkout"),
    ],
)
def test_one_at_a_time(lock, error, holding, capsys):
    with (holding.workspace.state / lock).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert forget(holding, holding.patient, "--reason", "x") == 1
    assert error in capsys.readouterr().err
    assert not holding.workspace.forgotten.exists()


def test_not_while_a_stage_is_running(holding, capsys):
    tmp = holding.root / ".dvc" / "tmp"
    tmp.mkdir()
    (tmp / "rwlock").write_text(json.dumps({"write": {"data/derived/models/itq": {"pid": os.getppid(), "cmd": "x"}}}))
    assert forget(holding, holding.patient, "--reason", "x") == 1
    assert f"a stage is running in this checkout (process {os.getppid()})" in capsys.readouterr().err
    assert not holding.workspace.forgotten.exists()
