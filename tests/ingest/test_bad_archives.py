"""Bad input: each is a listed refusal within the limit, or one clear error that leaves the last output as it was."""

import struct
import tarfile
import zlib

import pytest

FIRST = "images/98765431_000.png"


def _set(data):
    return lambda archive: archive.files.__setitem__(FIRST, data)


def _edit(row, old, new):
    def spoil(archive):
        assert old in archive.lines[row - 2]
        archive.lines[row - 2] = archive.lines[row - 2].replace(old, new)

    return spoil


def _bomb():
    body = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + body
        + struct.pack(">I", zlib.crc32(body))
        + struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
    )


def _cut(archive):
    archive.files[FIRST] = archive.files[FIRST][:-30]


def _flip(archive):
    data = bytearray(archive.files[FIRST])
    data[60] ^= 1
    archive.files[FIRST] = bytes(data)


def _other_copy(archive):
    archive.files["elsewhere/98765431_000.png"] = archive.files["images/98765432_000.png"]


def _copy_row(archive):
    archive.lines.append(archive.lines[0])


def _stray(archive):
    archive.files["images/98765499_000.png"] = archive.files[FIRST] + b"other"


def _copy_file(archive):
    archive.files["images/98765433_001.png"] = archive.files[FIRST]


REFUSED = {
    "truncated image": (_cut, (2, "truncated")),
    "zero-byte image": (_set(b""), (2, "empty")),
    "text for an image": (_set(b"98765431 went home"), (2, "not_an_image")),
    "flipped byte": (_flip, (2, "damaged")),
    "decompression bomb": (_set(_bomb()), (2, "too_large")),
    "enormous file": (_set(bytes(80_001)), (2, "too_large")),
    "duplicate image": (_copy_file, (7, "exact_duplicate")),
    "two files of one name": (_other_copy, (2, "ambiguous_file")),
    "row without image": (lambda archive: archive.files.pop(FIRST), (2, "missing_image")),
    "image without row": (_stray, (None, "no_row")),
    "duplicate row": (_copy_row, (8, "duplicate_row")),
    "unknown finding": (_edit(4, "Pleural_Thickening", "98765432 Smith"), (4, "unknown_finding")),
    "empty patient id": (_edit(4, ",98765432,", ",,"), (4, "empty_patient")),
    "malformed row": (_edit(4, ",F,PA", ""), (4, "malformed_row")),
}


def assert_nothing_identifying(archive, printed):
    """No patient number (every file name holds one) in anything printed or derived."""
    assert "9876543" not in printed
    assert "9876549" not in printed
    for name, data in archive.output().items():
        assert b"9876543" not in data, name
        assert b"9876549" not in data, name


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_row_or_file_is_listed_within_the_limit_and_stops_the_run_beyond_it(case, archive, capsys):
    spoil, refused = REFUSED[case]
    archive.write()
    assert archive.ingest() == 0
    good = archive.output()
    spoil(archive)
    archive.write()

    assert archive.ingest(max_rejected_share=0.1) == 1  # 1 of 6
    error = capsys.readouterr().err
    assert f"1 {refused[1]}" in error
    assert f"row {refused[0]}: {refused[1]}" in error or refused[0] is None
    assert "refused.parquet" in error
    assert archive.output() == good

    assert archive.ingest(max_rejected_share=0.2) == 0
    assert archive.rejected() == [refused]
    assert len(archive.images()) == 6 - (case not in ("image without row", "duplicate row"))
    output = capsys.readouterr()
    assert f"refused 1: 1 {refused[1]}" in output.out
    assert_nothing_identifying(archive, error + output.out + output.err)


def _lists(train_val, test):
    def spoil(archive):
        archive.lists = {
            "train_val_list.txt": [archive.names[number] for number in train_val],
            "test_list.txt": [archive.names[number] for number in test],
        }

    return spoil


def _evil(archive):
    archive.files["../98765431_000.png"] = b"x"


def _no_header(archive):
    archive.header = archive.lines.pop(0)


STOPPED = {
    "missing column": (
        lambda archive: setattr(archive, "header", archive.header.replace("Patient ID", "Pat")),
        "Data_Entry_2017_v2020.csv: column 'Patient ID' is missing",
    ),
    "no header": (_no_header, "column 'Image Index' is missing"),
    "patient in both official lists": (
        _lists([0, 2, 4], [1, 3, 5]),
        "3 patients are in both",
        "rows 2, 3, 4, 5, 6, 7 of Data_Entry",
    ),
    "image in both official lists": (_lists([0, 1, 2], [2, 3]), "1 images are in both", "rows 4 of Data_Entry"),
    "member that climbs out of the tar": (_evil, "images_001.tar.gz: member 7 has a path that leaves the archive"),
}


@pytest.mark.parametrize("case", STOPPED)
def test_an_archive_that_cannot_be_trusted_stops_the_run_and_nothing_is_lost(case, archive, capsys):
    spoil, *messages = STOPPED[case]
    archive.write()
    assert archive.ingest() == 0
    good = archive.output()
    spoil(archive)
    archive.write()
    assert archive.ingest(max_rejected_share=1.0) == 1
    error = capsys.readouterr().err
    assert "fix:" in error
    for message in messages:
        assert message in error
    assert archive.output() == good
    assert_nothing_identifying(archive, error)


def test_an_archive_without_its_table_or_with_a_list_that_is_no_text_is_one_clear_error(archive, capsys):
    archive.folder.mkdir()
    assert archive.ingest() == 1
    assert "holds no Data_Entry_2017_v2020.csv or Data_Entry_2017.csv" in capsys.readouterr().err
    archive.write()
    (archive.folder / "test_list.txt.gz").write_bytes(b"no gzip")
    assert archive.ingest() == 1
    assert "test_list.txt.gz is damaged" in capsys.readouterr().err


def test_when_nothing_can_be_taken_the_run_stops_whatever_the_limit(archive, capsys):
    with tarfile.open(archive.workspace.root / "empty.tar", "w"):
        pass
    archive.files.clear()
    archive.write()
    assert archive.ingest(max_rejected_share=1.0) == 1
    assert "6 refused against 6 rows" in capsys.readouterr().err
