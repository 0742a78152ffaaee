"""An archive that grows, changes and shrinks: a run reads what is new, and lets go of what is gone."""

import io
import os
import sqlite3
import tarfile

import numpy as np
import pyarrow as pa
import pytest
from dicom_files import dicom
from small_files import png as small_png
from watching import LONG_AGO, age, opened_files

from components.ingest.__main__ import main
from components.ingest.changes import require_few_withdrawn
from medhash.archives.forgotten import forgotten_digest
from medhash.archives.pseudonyms import pseudonyms
from medhash.core.contracts import IMAGES
from medhash.core.errors import MedhashError

KEY = b"a key of the tests, not of a hospital"


def by_row(archive) -> dict:
    return {row["source_row"]: row for row in archive.images().to_pylist()}


@pytest.mark.parametrize("layout", ["images_001.tar.gz", "images_001.tar", "images"])
def test_what_has_not_changed_is_not_even_opened_and_the_tables_stay_the_same(layout, archive, capsys):
    archive.files["images/98765431_000.png"] = b"\x89PNG\r\n\x1a\n cut off"  # refused, and known to be
    archive.write(layout)
    age(archive.folder)
    with opened_files() as opened:
        assert archive.ingest() == 0
    images = {layout} if ".tar" in layout else set(archive.names)
    assert images <= opened.keys(), "the count sees no file"
    first, told = archive.output(), capsys.readouterr().out
    assert "new 5, changed 0, withdrawn 0 images" in told
    with opened_files() as opened:
        assert archive.ingest() == 0
    assert not images & opened.keys()
    assert archive.output() == first
    told = capsys.readouterr().out
    assert "decoded 0, reused 5" in told
    assert "refused 1: 1 truncated" in told or "refused 1: 1 damaged" in told
    assert "new 0, changed 0, withdrawn 0 images since the last run" in told


def test_of_a_grown_archive_only_the_new_tar_and_the_new_file_are_read(archive, capsys):
    archive.write()
    age(archive.folder)
    assert archive.ingest() == 0
    before = by_row(archive)
    archive.lines += ["98765440_000.png,Mass,0,98765440,41,M,AP,,,,", "98765431_007.png,Mass,0,98765431,41,M,AP,,,,"]
    archive.files = {"98765440_000.png": small_png(40)}
    archive.write("images_002.tar")
    archive.files = {"98765431_007.png": small_png(41)}
    with tarfile.open(archive.folder / "images_001.tar.gz") as tar:
        assert len(tar.getmembers()) == 6
    (archive.folder / "images").mkdir()
    (archive.folder / "images" / "98765431_007.png").write_bytes(small_png(41))
    capsys.readouterr()
    with opened_files() as opened:
        assert archive.ingest() == 0
    assert "images_001.tar.gz" not in opened
    assert {"images_002.tar", "98765431_007.png"} <= opened.keys()
    assert "decoded 2, reused 6" in (told := capsys.readouterr().out)
    assert "new 2, changed 0, withdrawn 0 images since the last run" in told
    after = by_row(archive)
    assert {row: after[row]["sha256"] for row in before} == {row: image["sha256"] for row, image in before.items()}
    assert after[9]["patient_id"] == before[2]["patient_id"]


def test_a_changed_file_is_read_even_if_it_has_as_many_bytes(archive, capsys):
    archive.files = {name: bytes(data) for name, data in archive.files.items()}
    archive.write("images")
    age(archive.folder)
    assert archive.ingest() == 0
    before = by_row(archive)
    path = archive.folder / "images" / archive.names[3]
    data = cv2_like(path.read_bytes())
    path.write_bytes(data)
    os.utime(path, (LONG_AGO, LONG_AGO + 1))
    with opened_files() as opened:
        assert archive.ingest() == 0
    assert [name for name in archive.names if name in opened] == [archive.names[3]]
    assert "new 0, changed 1, withdrawn 0 images since the last run" in capsys.readouterr().out
    after = by_row(archive)
    assert [row for row in before if before[row]["sha256"] != after[row]["sha256"]] == [5]
    pixels = np.load(archive.workspace.pixels)
    assert pixels[after[5]["pixel_row"]].max() == 200


def cv2_like(original: bytes) -> bytes:
    """Another PNG of exactly as many bytes: grey 200 everywhere, padded by a comment."""
    import struct
    import zlib

    import cv2

    plain = cv2.imencode(".png", np.full((24, 24), 200, np.uint8))[1].tobytes()
    text = b"tEXt" + b"c\0" + b" " * (len(original) - len(plain) - 14)
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    padded = plain[:-12] + chunk + plain[-12:]
    assert len(padded) == len(original)
    return padded


def test_a_file_so_new_that_a_change_might_leave_its_time_is_read_again(archive, monkeypatch):
    archive.write("images")
    age(archive.folder)
    now = os.stat(archive.folder / "images" / archive.names[0]).st_mtime_ns + 1_000_000_000
    monkeypatch.setattr("medhash.archives.memo.time.time_ns", lambda: now)
    assert archive.ingest() == 0
    with opened_files() as opened:
        assert archive.ingest() == 0
    assert set(archive.names) <= opened.keys()


def test_withdrawn_images_leave_the_tables_the_pixels_the_decode_cache_and_the_memo(archive, capsys):
    archive.write("images")
    age(archive.folder)
    assert archive.ingest() == 0
    gone = by_row(archive)[4]
    square = np.load(archive.workspace.pixels)[gone["pixel_row"]].tobytes()
    assert square in archive.workspace.decode_cache.read_bytes()
    name = archive.names[2]
    archive.lines = [line for line in archive.lines if not line.startswith(name)]
    del archive.files[f"images/{name}"]
    (archive.folder / "images" / name).unlink()
    archive.write("images")
    assert archive.ingest() == 0
    assert "new 0, changed 0, withdrawn 1 images since the last run" in capsys.readouterr().out
    assert gone["image_id"] not in archive.images()["image_id"].to_pylist()
    for path in archive.workspace.root.rglob("*"):
        if path.is_file():
            assert square not in path.read_bytes(), path
            assert bytes.fromhex(gone["sha256"]) not in path.read_bytes(), path
    assert name.encode() not in archive.workspace.file_memo.read_bytes()


def test_a_row_that_comes_later_than_its_file_is_taken_from_the_tar_that_was_known(archive, capsys):
    archive.files["images/98765440_000.png"] = small_png(40)
    archive.write()
    age(archive.folder)
    assert archive.ingest() == 0
    assert "refused 1: 1 no_row" in capsys.readouterr().out
    assert archive.ingest() == 0
    assert "refused 1: 1 no_row" in capsys.readouterr().out, "known of an unread tar too"
    archive.lines.append("98765440_000.png,Mass,0,98765440,41,M,AP,,,,")
    (archive.folder / "Data_Entry_2017_v2020.csv").write_text("\n".join([archive.header, *archive.lines]) + "\n")
    assert archive.ingest() == 0
    assert "decoded 1, reused 6" in capsys.readouterr().out


def test_without_the_decode_cache_or_at_another_size_the_known_files_are_read_and_decoded_again(archive, capsys):
    archive.write()
    age(archive.folder)
    assert archive.ingest() == 0
    first = archive.output()
    archive.workspace.decode_cache.unlink()
    assert archive.ingest() == 0
    assert "decoded 6, reused 0" in capsys.readouterr().out
    assert archive.output() == first


def test_a_damaged_memo_is_named_with_the_way_out(archive, capsys):
    archive.write()
    archive.workspace.private.mkdir(parents=True)
    archive.workspace.file_memo.write_bytes(b"no database" * 100)
    assert archive.ingest() == 1
    assert "files.sqlite failed" in (error := capsys.readouterr().err)
    assert "delete it" in error


def test_headers_of_unchanged_dicom_files_are_not_read_again_in_folders_and_tars(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY.decode())
    folder = tmp_path / "hospital"
    (folder / "a").mkdir(parents=True)
    files = [
        dicom(
            np.random.default_rng(n).integers(0, 255, (20, 20), np.uint8), SOPInstanceUID=f"1.2.{n}", PatientID=f"P{n}"
        )
        for n in range(3)
    ]
    for number in range(2):
        (folder / "a" / f"{number}.dcm").write_bytes(files[number])
    with tarfile.open(folder / "b.tar", "w") as tar:
        for name, data in (("2.dcm", files[2]), ("readme", b"not DICOM")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    (folder / "labels.csv").write_text("sop_instance_uid,labels\n" + "".join(f"1.2.{n},Mass\n" for n in range(3)))
    age(folder)
    (tmp_path / "params.yaml").write_text(
        "methods: [lsh]\nsize_px: 16\ningest: {source: dicom, archive: hospital, workers: 1, max_image_pixels: 10000}\n"
    )
    assert main(["--root", str(tmp_path)]) == 0
    first = (tmp_path / "data/derived/images/images.parquet").read_bytes()
    with opened_files() as opened:
        assert main(["--root", str(tmp_path)]) == 0
    assert "labels.csv" in opened
    assert not {"0.dcm", "1.dcm", "b.tar"} & opened.keys()
    assert (tmp_path / "data/derived/images/images.parquet").read_bytes() == first
    assert capsys.readouterr().out.count("3 images of") == 2


def test_the_memo_lies_where_only_its_owner_may_enter_and_another_key_empties_it(archive, monkeypatch):
    archive.write()
    age(archive.folder)
    assert archive.ingest() == 0
    assert archive.workspace.file_memo.parent.stat().st_mode & 0o777 == 0o700
    n_known = "SELECT count(*) FROM found WHERE kind = 'bytes'"
    assert sqlite3.connect(archive.workspace.file_memo).execute(n_known).fetchone() == (6,)
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", "another key, also not of a hospital")
    with opened_files() as opened:
        assert archive.ingest() == 0
    assert "images_001.tar.gz" in opened
    assert pseudonyms(KEY, "patient", ["98765431"])[0] not in archive.images()["patient_id"].to_pylist()


def test_an_archive_that_lost_most_of_its_images_stops_the_run_and_a_refused_image_is_not_a_lost_one() -> None:
    def table(names: list[str]) -> pa.Table:
        whole = pa.nulls(len(names), IMAGES.field("region").type)
        return pa.table({"image_id": names, "patient_id": names, "bag_id": names, "sha256": names, "region": whole})

    last, refused, none = table([f"{number:016x}" for number in range(10)]), {f"{9:016x}"}, set()
    require_few_withdrawn(None, last, none, frozenset(), 0.0)
    require_few_withdrawn(last, last.slice(5), none, frozenset(), 0.5)
    with pytest.raises(MedhashError, match=r"6 of the 10 images .*60.0%, ingest.max_withdrawn_share allows 50.0%"):
        require_few_withdrawn(last, last.slice(6), none, frozenset(), 0.5)
    require_few_withdrawn(last, last.slice(0, 9), refused, frozenset(), 0.0)
    require_few_withdrawn(last, last.slice(1), none, frozenset({forgotten_digest(f"{0:016x}")}), 0.0)
    require_few_withdrawn(last, table(["of another archive"]), none, frozenset(), 0.0)
