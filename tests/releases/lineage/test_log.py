"""The audit log: unbroken under kills and two writers, and a change of any line shows."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from medhash.commands.audit import main
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.releases.audit import append, read_log


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path)
    for number in range(4):
        append(found, "promote", {"version": number}, who="somebody")
    return found


def test_entries_come_back_in_order_with_who_what_and_when(workspace: Workspace) -> None:
    lines = read_log(workspace)
    assert [(line.entry.number, line.entry.who, line.entry.what["version"]) for line in lines] == [
        (1, "somebody", 0),
        (2, "somebody", 1),
        (3, "somebody", 2),
        (4, "somebody", 3),
    ]
    raw = workspace.audit_log.read_bytes().splitlines()
    assert [line.digest for line in lines] == [hashlib.sha256(line).hexdigest() for line in raw]
    assert json.loads(raw[2])["previous"] == lines[1].digest
    assert workspace.audit_log.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: [*lines[:1], lines[1].replace(b"somebody", b"nobody"), *lines[2:]],
        lambda lines: [*lines[:1], *lines[2:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines, lines[-1]],
    ],
)
def test_a_line_changed_taken_out_moved_or_put_in_is_named(workspace: Workspace, spoil) -> None:
    lines = workspace.audit_log.read_bytes().splitlines()
    workspace.audit_log.write_bytes(b"\n".join(spoil(lines)) + b"\n")
    with pytest.raises(MedhashError, match=r"line .* does not follow"):
        read_log(workspace)


def test_half_a_line_of_a_killed_process_breaks_nothing(workspace: Workspace) -> None:
    with workspace.audit_log.open("ab") as handle:
        handle.write(b'{"act": "promote", "wh')
    assert len(read_log(workspace)) == 4
    assert append(workspace, "hold", {}).entry.number == 5
    assert [line.entry.act for line in read_log(workspace)] == ["promote"] * 4 + ["hold"]


def test_writers_at_the_same_time_wait_for_each_other(workspace: Workspace) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom medhash.releases.audit import append\n"
        "from medhash.core.workspace import Workspace\n"
        "for number in range(25):\n    append(Workspace(Path(sys.argv[1])), 'refuse', {'by': sys.argv[2]})\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(workspace.root), name]) for name in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert [line.entry.number for line in read_log(workspace)] == list(range(1, 55))


def test_the_command_prints_every_entry_and_the_last_digest(workspace: Workspace, capsys) -> None:
    assert main(["--root", str(workspace.root)]) == 0
    said = capsys.readouterr().out
    assert said.count("somebody  promote  version:") == 4
    assert read_log(workspace)[-1].digest in said
