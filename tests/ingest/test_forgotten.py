"""Patients of data/forgotten.txt stay out, whatever the archive brings."""

import numpy as np
import pytest
from dicom_files import dicom
from forgetting import KEY, forget, named_in_outputs
from small_files import png as small_png
from watching import age, opened_files

from components.ingest.__main__ import main


@pytest.mark.parametrize("layout", ["images", "images_001.tar"])
def test_a_forgotten_patient_is_in_no_table_and_in_no_cache_and_loose_files_are_not_opened(layout, archive, capsys):
    archive.write(layout)
    age(archive.folder)
    assert archive.ingest() == 0
    rows = {row["source_row"]: row for row in archive.images().to_pylist()}
    squares = {row: np.load(archive.workspace.pixels)[image["pixel_row"]].tobytes() for row, image in rows.items()}
    forget(archive.workspace.root, "98765432")
    capsys.readouterr()
    with opened_files() as opened:
        assert archive.ingest() == 0
    if layout == "images":
        assert not {"98765432_000.png", "98765432_001.png"} & opened.keys()
        assert "98765433_001.png" in opened, "the memo of before is not trusted"
    told = capsys.readouterr()
    assert "left out 2 images of 1 forgotten patients" in told.out
    assert "new 0, changed 0, withdrawn 0 images since the last run" in told.out
    assert [row["source_row"] for row in sorted(archive.images().to_pylist(), key=lambda row: row["source_row"])] == [
        2,
        3,
        6,
        7,
    ]
    cells = named_in_outputs(archive.workspace.root)
    for row in (4, 5):
        for value in (rows[row]["patient_id"], rows[row]["image_id"], rows[row]["sha256"], "98765432"):
            assert value not in cells
            assert value not in told.out + told.err
        for path in archive.workspace.root.rglob("*"):
            if path.is_file() and archive.folder not in path.parents:
                data = path.read_bytes()
                assert squares[row] not in data, path
                assert rows[row]["image_id"].encode() not in data, path
                assert path.name == "params.yaml" or b"98765432" not in data, path
    assert archive.ingest() == 0
    assert "left out 2 images of 1 forgotten patients" in capsys.readouterr().out


def test_a_forgotten_patient_who_comes_back_with_new_images_and_bad_rows_stays_out(archive, capsys):
    forget(archive.workspace.root, "98765431", "98765499")
    archive.lines += [
        "98765431_002.png,Mass,2,098765431,40,F,PA,1,1,1,1",  # a new image, the number written otherwise
        "98765431_003.png,Strange,2,98765431,40,F,PA,1,1,1,1",  # an unknown finding
        "98765431_000.png,Mass,2,98765431,40,F,PA,1,1,1,1",  # twice
        ",Mass,2,98765431,40,F,PA,1,1,1,1",  # no name
        "98765431_004.png,Mass,2,98765431",  # cut off
        "98765431_005.png,Mass,2,,40,F,PA,1,1,1,1",  # no number, but in the name of the file
    ]
    for number in range(2, 9):  # 006 to 008 have no row at all
        archive.files[f"images/98765431_{number:03d}.png"] = small_png(50 + number)
    archive.files["images/98765432_000.png"] = b"no image"
    for layout in ("images", "images_001.tar.gz"):
        archive.write(layout)
    assert archive.ingest(max_rejected_share=0.3) == 0
    assert "left out 3 images of 1 forgotten patients" in (told := capsys.readouterr().out)
    assert "refused 1: 1 not_an_image" in told, "nothing else, though the row is there twice"
    assert archive.rejected() == [(4, "not_an_image")]
    assert "98765431" not in named_in_outputs(archive.workspace.root)
    assert b"98765431" not in archive.workspace.file_memo.read_bytes()


def test_a_dicom_patient_is_known_by_the_header_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY.decode())
    folder = tmp_path / "hospital"
    folder.mkdir()
    for n in range(4):
        pixels = np.random.default_rng(n).integers(0, 255, (20, 20), np.uint8)
        modality = {"Modality": "XX"} if n == 3 else {}
        (folder / f"{n}.dcm").write_bytes(
            dicom(pixels, SOPInstanceUID=f"1.2.{n}", PatientID="secret-77" if n % 2 else "P0", **modality)
        )
    (folder / "labels.csv").write_text("sop_instance_uid,labels\n" + "".join(f"1.2.{n},Mass\n" for n in range(4)))
    age(folder)
    (tmp_path / "params.yaml").write_text(
        "methods: [lsh]\nsize_px: 16\ningest: {source: dicom, archive: hospital, workers: 1, max_image_pixels: 10000}\n"
    )
    forget(tmp_path, "secret-77")
    for _ in range(2):
        assert main(["--root", str(tmp_path)]) == 0
        told = capsys.readouterr().out
        assert "2 images of 1 patients" in told
        assert "refused 0" in told
        assert "left out 1 images of 1 forgotten patients" in told
    assert "secret-77" not in named_in_outputs(tmp_path)
    assert b"secret-77" not in (tmp_path / "var/private/files.sqlite").read_bytes()


@pytest.mark.parametrize(
    ("text", "line"),
    [("# fine\nabc\n", 2), ("0" * 63, 1), ("\n\n" + "G" * 64, 3), ("0" * 64 + " # who\n", 1), ("\xff\n", 1)],
)
def test_a_line_that_is_no_digest_stops_the_run_and_is_named(text, line, archive, capsys):
    archive.write()
    path = archive.workspace.forgotten
    path.parent.mkdir()
    path.write_text(text, encoding="latin-1")
    assert archive.ingest() == 1
    assert f"forgotten.txt, line {line}: not a digest" in capsys.readouterr().err
    assert not archive.workspace.derived.exists()


def test_the_list_is_a_dependency_of_ingest_and_of_every_benchmarks_tables():
    from pathlib import Path

    from medhash.core.data_sets import set_workspace
    from medhash.core.graph import read_graph

    repository = Path(__file__).parents[2]
    ingest = next(stage for stage in read_graph(repository) if stage.name == "ingest")
    assert "data/forgotten.txt" in ingest.deps
    assert set_workspace(repository, "sample").forgotten == repository / "data" / "forgotten.txt"
