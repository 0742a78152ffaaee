"""A change of the archive is announced once, when it has come to rest; an archive that cannot be seen is no change."""

import os
import shutil
import time
from pathlib import Path

import pytest

from medhash.archives.watch import look, look_at
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams
from medhash.core.workspace import Workspace

INGEST = IngestParams(archive="archive")


@pytest.fixture
def archive(tmp_path) -> Path:
    folder = tmp_path / "archive" / "images"
    folder.mkdir(parents=True)
    (folder / "one.png").write_bytes(b"one")
    (tmp_path / "archive" / "table.csv").write_text("a\n")
    return tmp_path / "archive"


def verdicts(root: Path, *names: str, ingest: IngestParams = INGEST) -> list[str]:
    return [look(Workspace(root), ingest, name).verdict for name in names]


def test_a_change_is_announced_by_the_second_look_that_finds_it_and_by_no_later_one(archive, tmp_path):
    assert verdicts(tmp_path, "1", "2", "3", "4") == ["changing", "changed", "unchanged", "unchanged"]
    (archive / "images" / "two.png").write_bytes(b"two")
    assert verdicts(tmp_path, "5", "6", "7") == ["changing", "changed", "unchanged"]


def test_an_archive_that_is_still_being_copied_is_waited_for(archive, tmp_path):
    for number in range(4):
        (archive / "images" / f"{number}.png").write_bytes(b"x")
        assert verdicts(tmp_path, f"look {number}") == ["changing"]
    assert verdicts(tmp_path, "last") == ["changed"]


def test_a_look_that_is_repeated_after_a_crash_says_again_what_it_said(archive, tmp_path):
    assert verdicts(tmp_path, "1", "2", "2", "3", "2") == ["changing", "changed", "changed", "unchanged", "changed"]


def test_what_was_added_and_taken_away_again_is_no_change(archive, tmp_path):
    verdicts(tmp_path, "1", "2")
    before = os.stat(archive / "table.csv").st_mtime_ns
    (archive / "images" / "two.png").write_bytes(b"two")
    assert verdicts(tmp_path, "3") == ["changing"]
    (archive / "images" / "two.png").unlink()
    os.utime(archive / "table.csv", ns=(before, before))
    assert verdicts(tmp_path, "4", "5") == ["unchanged", "unchanged"]


@pytest.mark.parametrize(
    "change",
    [
        lambda archive: (archive / "images" / "one.png").write_bytes(b"other size"),
        lambda archive: os.utime(archive / "images" / "one.png", ns=(1, 1)),
        lambda archive: (archive / "images" / "one.png").rename(archive / "images" / "won.png"),
        lambda archive: (archive / "images" / "one.png").unlink(),
        lambda archive: (archive / "link").symlink_to(archive.parent / "nowhere"),
        lambda archive: (archive.parent / "data" / "forgotten.txt").write_text("ab" * 32 + "\n"),
    ],
)
def test_a_file_that_came_went_or_changed_is_a_change_and_so_is_a_forgotten_patient(archive, tmp_path, change):
    (tmp_path / "data").mkdir()
    verdicts(tmp_path, "1", "2")
    change(archive)
    assert verdicts(tmp_path, "3", "4") == ["changing", "changed"]


def test_a_forgotten_list_that_git_wrote_anew_with_the_same_content_is_no_change(archive, tmp_path):
    (tmp_path / "data").mkdir()
    forgotten = tmp_path / "data" / "forgotten.txt"
    forgotten.write_text("ab\n")
    verdicts(tmp_path, "1", "2")
    forgotten.unlink()
    forgotten.write_text("ab\n")
    assert verdicts(tmp_path, "3") == ["unchanged"]


def test_labels_of_dicom_that_lie_apart_from_the_archive_count(archive, tmp_path):
    ingest = IngestParams.model_validate(
        {"archive": "archive", "source": "dicom", "dicom": {"labels": str(tmp_path / "labels.csv")}}
    )
    verdicts(tmp_path, "1", "2", ingest=ingest)
    (tmp_path / "labels.csv").write_text("new")
    assert verdicts(tmp_path, "3", "4", ingest=ingest) == ["changing", "changed"]


def test_an_archive_that_is_missing_or_empty_is_an_error_and_is_not_remembered(archive, tmp_path):
    verdicts(tmp_path, "1", "2")
    away = archive.rename(tmp_path / "away")
    with pytest.raises(MedhashError, match="is not there"):
        verdicts(tmp_path, "3")
    archive.mkdir()
    with pytest.raises(MedhashError, match="holds no file"):
        verdicts(tmp_path, "4")
    shutil.rmtree(archive)
    away.rename(archive)
    assert verdicts(tmp_path, "5") == ["unchanged"]


def test_an_error_below_the_archive_names_no_file(archive, tmp_path, monkeypatch):
    real = os.scandir

    def refuse(folder: Path):
        if Path(folder).name == "images":
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    monkeypatch.setattr(os, "scandir", refuse)  # tests may run as root, whom no folder refuses
    with pytest.raises(MedhashError, match="Permission denied") as error:
        verdicts(tmp_path, "1")
    assert "images" not in str(error.value)


def test_folders_that_link_to_each_other_end(archive):
    (archive / "images" / "up").symlink_to(archive)
    assert look_at(archive).n_files == 2


def test_a_damaged_memory_is_an_error_that_says_what_deleting_it_does(archive, tmp_path):
    verdicts(tmp_path, "1")
    (tmp_path / "var" / "watch" / "archive.json").write_text("{")
    with pytest.raises(MedhashError, match="damaged"):
        verdicts(tmp_path, "2")


def test_five_thousand_files_are_looked_at_in_no_time(tmp_path):
    for part in range(5):
        (tmp_path / f"{part}").mkdir()
        for number in range(1000):
            os.close(os.open(tmp_path / f"{part}" / f"{number}.png", os.O_CREAT))
    started = time.monotonic()
    assert look_at(tmp_path).n_files == 5_000
    assert time.monotonic() - started < 3, "0.1 s on an idle machine"
