"""Files of an archive: tars are read in one pass and refused where they are unsafe or damaged."""

import io
import tarfile

import pytest
from small_files import add_file

from medhash.archives.files import folder_files, tar_files
from medhash.core.errors import MedhashError


@pytest.fixture
def evil_tar(tmp_path):
    def write(member: tarfile.TarInfo):
        path = tmp_path / "images_001.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            add_file(tar, "images/98765431_000.png", b"fine")
            tar.addfile(member)
        return path

    return write


@pytest.mark.parametrize(
    ("name", "kind", "problem"),
    [
        ("/etc/98765431_001.png", tarfile.REGTYPE, "has a path that leaves the archive"),
        ("images/../../98765431_001.png", tarfile.REGTYPE, "has a path that leaves the archive"),
        ("..\\98765431_001.png", tarfile.REGTYPE, "has a path that leaves the archive"),
        ("images/98765431_001.png", tarfile.SYMTYPE, "is a link or a device"),
        ("images/98765431_001.png", tarfile.LNKTYPE, "is a link or a device"),
        ("images/98765431_001.png", tarfile.CHRTYPE, "is a link or a device"),
        ("images/98765431_001.png", tarfile.FIFOTYPE, "is a link or a device"),
    ],
)
def test_a_tar_with_an_unsafe_member_is_refused_by_the_members_number(name, kind, problem, evil_tar):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    with pytest.raises(MedhashError, match=f"images_001.tar.gz: member 2 {problem}") as caught:
        list(tar_files(evil_tar(member), 1000))
    assert "98765431" not in str(caught.value)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w"])
def test_images_come_with_their_bytes_whatever_the_packing_and_other_files_do_not(mode, tmp_path):
    path = tmp_path / "images_001.tar"
    with tarfile.open(path, mode) as tar:
        folder = tarfile.TarInfo("images/")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, data in (
            ("images/b.png", b"second"),
            ("LICENSE", b"x"),
            ("images/._b.png", b"x"),
            ("a.JPG", b"1st"),
            ("images/large.png", bytes(101)),
        ):
            add_file(tar, name, data)
    files = [(file.name, file.data, file.reason) for file in tar_files(path, 100)]
    assert files == [("b.png", b"second", ""), ("a.JPG", b"1st", ""), ("large.png", b"", "too_large")]


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_a_tar_that_was_cut_off_or_never_was_one_is_one_clear_error(mode, tmp_path):
    path = tmp_path / "images_001.tar"
    with tarfile.open(path, mode) as tar:
        for number in range(3):
            add_file(tar, f"{number}.png", bytes(range(256)) * 40)
    data = path.read_bytes()
    for cut in (data[: len(data) // 2], b"not a tar at all" * 100):
        path.write_bytes(cut)
        with pytest.raises(MedhashError, match="is damaged after member"):
            list(tar_files(path, 10**6))


def test_a_member_name_that_is_no_utf8_can_still_be_written_down(tmp_path):
    path = tmp_path / "images_001.tar"
    with tarfile.open(path, "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("M\xfcller.png"), io.BytesIO(b""))
    assert [file.name.encode() for file in tar_files(path, 100)] == [b"M\\udcfcller.png"]


def test_a_file_that_cannot_be_read_is_passed_on_as_such(tmp_path):
    (tmp_path / "98765431_000.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "98765431_001.png").write_bytes(bytes(101))
    (tmp_path / "98765431_002.png").write_bytes(b"fine")
    (tmp_path / "notes.txt").write_text("x")
    files = [(file.data, file.reason) for file in folder_files(tmp_path, 100)]
    assert files == [(b"", "unreadable"), (b"", "too_large"), (b"fine", "")]
