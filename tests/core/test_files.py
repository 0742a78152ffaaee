"""Outputs are the old version or the new one, never half of each."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from medhash.core.files import recover_folder, replacing_file, replacing_folder, sha256_file, sha256_files


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "table.parquet"
    target.write_text("old")
    with replacing_file(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["table.parquet"]


def test_a_disk_that_fills_up_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    """A limit on file size makes the real write fail in the middle, as a full disk does."""
    target = tmp_path / "table.parquet"
    target.write_text("old")
    script = textwrap.dedent("""
        import resource, sys
        from pathlib import Path
        from medhash.core.command import reports_errors
        from medhash.core.files import replacing_file

        @reports_errors
        def main(argv):
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
            with replacing_file(Path(sys.argv[1])) as temporary:
                temporary.write_bytes(bytes(100_000))
            return 0

        raise SystemExit(main(None))
    """)
    result = subprocess.run([sys.executable, "-c", script, str(target)], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "File too large" in result.stderr
    assert "nothing was lost" in result.stderr
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.parquet"]


def test_a_folder_is_replaced_whole_and_a_failure_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "images"
    for content in ("first", "second"):
        with replacing_folder(target) as temporary:
            (temporary / "file").write_text(content)
    with pytest.raises(RuntimeError), replacing_folder(target) as temporary:
        (temporary / "file").write_text("broken")
        raise RuntimeError
    assert (target / "file").read_text() == "second"
    assert os.listdir(tmp_path) == ["images"]


@pytest.mark.parametrize("moment", ["first move", "second move"])
def test_a_kill_between_the_moves_of_a_folder_loses_nothing(tmp_path: Path, moment: str) -> None:
    """The process kills itself right after the named os.rename; what is left must be one whole version."""
    target = tmp_path / "images"
    target.mkdir()
    (target / "file").write_text("old")
    script = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from medhash.core import files
        calls, wanted, rename = [0], int(sys.argv[2]), os.rename
        def killing_rename(source, destination):
            rename(source, destination)
            calls[0] += 1
            if calls[0] == wanted:
                os.kill(os.getpid(), signal.SIGKILL)
        files.os.rename = killing_rename
        with files.replacing_folder(Path(sys.argv[1])) as temporary:
            (temporary / "file").write_text("new")
    """)
    result = subprocess.run(
        [sys.executable, "-c", script, str(target), "1" if moment == "first move" else "2"], check=False
    )
    assert result.returncode == -signal.SIGKILL
    recover_folder(target)
    assert (target / "file").read_text() == ("old" if moment == "first move" else "new")
    with replacing_folder(target) as temporary:
        (temporary / "file").write_text("again")
    assert (target / "file").read_text() == "again"


def test_what_a_killed_writer_left_is_removed_and_a_living_writers_is_not(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f".images.{ended.pid}.tmp").mkdir()
    (tmp_path / f".images.{os.getppid()}.tmp").mkdir()
    with replacing_folder(tmp_path / "images"):
        pass
    assert sorted(os.listdir(tmp_path)) == [f".images.{os.getppid()}.tmp", "images"]


def test_digests_are_those_of_sha256sum(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_files([path]) != sha256_files([path, path])
