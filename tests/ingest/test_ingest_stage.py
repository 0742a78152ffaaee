"""The stage as a whole, on a tiny archive in NIH's layout."""

import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from small_files import png as small_png

from medhash.archives.pseudonyms import pseudonyms

REPOSITORY = Path(__file__).parents[2]


def test_images_follow_their_contract_and_row_k_of_the_store_holds_the_pixels_of_image_k(archive, capsys):
    from medhash.archives.decode import decode_bytes
    from medhash.archives.preparation import Preparation

    archive.lists = {"train_val_list.txt": archive.names[:4], "test_list.txt": archive.names[4:5]}
    archive.write()
    assert archive.ingest() == 0
    rows = archive.images().to_pylist()
    pixels = np.load(archive.workspace.pixels, mmap_mode="r")
    assert pixels.shape == (6, 1, 16, 16)
    assert [row["image_id"] for row in rows] == sorted(row["image_id"] for row in rows)
    for position, row in enumerate(rows):
        name = archive.names[row["source_row"] - 2]
        assert row["pixel_row"] == position
        decoded = decode_bytes(archive.files[f"images/{name}"], Preparation(16, 10_000))
        assert np.array_equal(pixels[position], decoded.pixels[0])
    row = next(row for row in rows if row["source_row"] == 3)
    key = b"a key of the tests, not of a hospital"
    assert row["image_id"] == row["bag_id"] == pseudonyms(key, "image", ["98765431_001.png"])[0]
    assert row["patient_id"] == pseudonyms(key, "patient", ["98765431"])[0]
    assert row["labels"] == [{"attribute": "finding", "label": "Mass"}, {"attribute": "finding", "label": "Effusion"}]
    assert (
        row["age"],
        row["sex"],
        row["view"],
        row["width"],
        row["height"],
        row["pixel_spacing"],
        row["modality"],
        row["organ"],
    ) == (41, "F", "PA", 2048, 2500, 0.171, "xray", "chest")
    folds = {row["source_row"]: row["official_fold"] for row in rows}
    assert folds == {2: "train_val", 3: "train_val", 4: "train_val", 5: "train_val", 6: "test", 7: None}
    assert len({row["patient_id"] for row in rows}) == 3
    assert "6 images of 3 patients, decoded 6, reused 0\nrefused 0" in capsys.readouterr().out


@pytest.mark.parametrize("layout", ["images_001.tar", "images", "images_*/images", "images_*"])
def test_tars_and_folders_of_the_same_images_in_any_order_give_the_same_bytes(layout, archive, tmp_path):
    archive.write()
    assert archive.ingest() == 0
    expected = archive.output()
    (archive.folder / "images_001.tar.gz").unlink()
    (tmp_path / "var" / "cache" / "decoded.sqlite").unlink()
    archive.files = dict(random.Random(3).sample(list(archive.files.items()), len(archive.files)))
    archive.write(layout)
    assert archive.ingest() == 0
    assert archive.output() == expected


def test_a_second_run_decodes_only_what_is_new_and_the_same_picture_twice_only_once(archive, capsys):
    archive.write()
    archive.ingest()
    first = archive.output()
    archive.write("images")  # every file a second time, in a folder
    assert archive.ingest() == 0
    assert "decoded 0, reused 6" in capsys.readouterr().out
    assert archive.output() == first
    archive.files["images/98765440_000.png"] = small_png(40)
    archive.lines.append("98765440_000.png,Mass,0,98765440,411,M,AP,,,,")
    archive.write()
    assert archive.ingest() == 0
    assert "7 images of 4 patients, decoded 1, reused 6" in capsys.readouterr().out
    new = next(row for row in archive.images().to_pylist() if row["source_row"] == 8)
    assert (new["age"], new["width"], new["height"], new["pixel_spacing"]) == (None, 24, 24, None)


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("98765431_009.png,No Finding,9,98765431,50,F,PA,2048,2500,0.171,0.171", "labels and patient agree"),
        ("98765499_000.png,Mass,0,98765499,50,F,PA,2048,2500,0.171,0.171", "they disagree in labels and patient"),
    ],
)
def test_of_exact_duplicates_the_first_row_is_kept_and_the_later_says_whether_they_agree(line, detail, archive):
    name = line.partition(",")[0]
    archive.lines.insert(3, line)  # row 5: a copy of the file of row 2
    archive.files = {f"images/{name}": archive.files[f"images/{archive.names[0]}"], **archive.files}
    archive.write()
    assert archive.ingest() == 0
    assert archive.rejected() == [(5, "exact_duplicate")]
    rejected = pq.read_table(archive.workspace.rejected)
    assert rejected["detail"].to_pylist() == [f"row 2 has the same file; {detail}"]
    assert 2 in archive.images()["source_row"].to_pylist()


def test_metadata_only_indexes_every_row_before_the_images_are_there(archive, capsys):
    archive.write("nowhere")
    assert archive.ingest() == 1
    assert "--metadata-only" in capsys.readouterr().err
    assert archive.ingest("--metadata-only") == 0
    images = archive.images()
    assert len(images) == 6
    assert images["sha256"].null_count == images["pixel_row"].null_count == 6
    assert not archive.workspace.pixels.exists()
    archive.write()
    assert archive.ingest() == 0
    with_pixels = archive.images()
    assert with_pixels.drop_columns(["sha256", "pixel_row"]).equals(images.drop_columns(["sha256", "pixel_row"]))


def test_another_layout_can_be_asked_for_and_an_unknown_one_names_those_there_are(archive, capsys):
    archive.write()
    assert archive.ingest("--source", "breakhis") == 1
    assert "Data_Entry" not in (told := capsys.readouterr().err)
    assert "BreakHis" in told or "SOB_" in told
    assert archive.ingest("--source", "dicomm") == 1
    assert "there is no source 'dicomm'" in (told := capsys.readouterr().err)
    assert "'cbis_ddsm'" in told
    assert archive.ingest("--source", "nih") == 0


def test_another_archive_needs_a_key_of_its_own(archive, monkeypatch, capsys):
    monkeypatch.delenv("MEDHASH_PSEUDONYM_KEY")
    archive.write()
    assert archive.ingest() == 1
    assert "MEDHASH_PSEUDONYM_KEY is not set" in capsys.readouterr().err
    assert not archive.workspace.derived.exists()


def test_the_private_table_tells_pseudonyms_from_file_names_and_only_its_owner_may_enter(archive):
    archive.files["images/98765431_000.png"] = b""
    archive.write()
    assert archive.ingest() == 0
    private = archive.workspace.private
    assert private.stat().st_mode & 0o777 == 0o700
    rows = pq.read_table(private / "sources.parquet").to_pylist()
    assert [(row["source_row"], row["source_name"], row["reason"]) for row in rows] == [
        (2, "98765431_000.png", "empty"),
        *((row, name, None) for row, name in enumerate(archive.names[1:], start=3)),
    ]
    by_row = {row["source_row"]: row["image_id"] for row in archive.images().to_pylist()}
    assert {row["source_row"]: row["image_id"] for row in rows[1:]} == by_row


def test_the_bundled_sample_is_taken_whole_under_the_demo_key(tmp_path, monkeypatch, capsys):
    from components.ingest.__main__ import main

    monkeypatch.delenv("MEDHASH_PSEUDONYM_KEY", raising=False)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sample").symlink_to(REPOSITORY / "data" / "sample")
    assert main(["--root", str(tmp_path), "--params", str(REPOSITORY / "params.yaml")]) == 0
    output = capsys.readouterr()
    assert "1316 images of 1058 patients" in output.out
    assert "refused 0" in output.out
    assert "published demo key" in output.err
    folds = pq.read_table(tmp_path / "data/derived/images/images.parquet")["official_fold"].to_pylist()
    assert (folds.count("train_val"), folds.count("test")) == (1126, 190)
