"""A manifest of one's own: every column, every bag, and files that no line names."""

import gzip
import hashlib

import numpy as np
import pyarrow.parquet as pq
import pytest
from archives.readers.manifest_archive import ManifestArchive
from named_archive import KEY, coloured
from watching import opened_files

from medhash.archives.pseudonyms import pseudonyms
from medhash.archives.readers.manifest import image_files, read_entries
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams
from medhash.core.params.ingest import BagParams, ManifestParams


@pytest.fixture
def archive(tmp_path, monkeypatch) -> ManifestArchive:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return ManifestArchive(tmp_path)


def test_every_column_arrives_and_empty_cells_are_what_is_not_known(archive):
    archive.write()
    assert archive.ingest(manifest={"modality": "mammography", "organ": "breast"}) == 0
    rows = archive.taken()
    columns = (
        "source_row",
        "view",
        "laterality",
        "sex",
        "age",
        "official_fold",
        "modality",
        "organ",
        "width",
        "pixel_spacing",
    )
    assert [tuple(row[column] for column in columns) for row in rows] == [
        (2, "MLO", "L", "F", 90, "test", "mammography", "breast", 2048, 0.05),
        (3, "CC", "R", "F", 64, "test", "mammography", "breast", 20, None),
        (4, None, "L", None, None, "train_val", "histology", "colon", 20, None),
        (5, None, "L", None, None, "train_val", "mammography", "breast", 20, None),
    ]
    assert [row["labels"]["pathology"] for row in rows] == [
        ["malignant"],
        ["benign", "malignant"],
        ["normal"],
        ["benign"],
    ]
    assert rows[0]["study_id"] == rows[1]["study_id"] != rows[2]["study_id"] != rows[3]["study_id"]
    assert rows[0]["patient_id"] == pseudonyms(KEY.encode(), "patient", ["98765431"])[0]
    assert rows[0]["image_id"] == pseudonyms(KEY.encode(), "image", ["a/1.png"])[0]
    assert np.load(archive.workspace.pixels).shape == (4, 1, 16, 16)
    assert archive.mentions("9876543") == []
    assert archive.ingest(manifest={"channels": 3}) == 0
    assert np.load(archive.workspace.pixels).shape == (4, 3, 16, 16)


def test_three_columns_are_enough(archive):
    archive.header, archive.lines = "labels,path,patient_id", ["benign,a/1.png,1", "malignant,b/2.png,2"]
    archive.write()
    assert archive.ingest() == 0
    assert [(row["modality"], row["organ"], row["labels"]) for row in archive.taken()] == [
        ("xray", "unknown", {"pathology": ["benign"]}),
        ("xray", "unknown", {"pathology": ["malignant"]}),
    ]


@pytest.mark.parametrize(
    ("by", "bags"),
    [
        ("image", [[2], [3], [4], [5]]),
        ("table", [[2, 3], [4], [5]]),
        ("study", [[2, 3], [4], [5]]),
        ("breast", [[2], [3], [4, 5]]),
        ("slide", [[2], [3], [4, 5]]),
        ("patient", [[2, 3], [4, 5]]),
    ],
)
def test_bags_are_put_together_by_their_column_within_a_patient(by, bags, archive):
    archive.write()
    assert archive.ingest(by=by) == 0
    assert archive.bags() == bags


def test_a_bag_of_the_table_that_holds_two_patients_is_refused_whole(archive):
    archive.lines[3] = archive.lines[3].replace("B3", "B1")
    archive.write()
    assert archive.ingest(by="table", max_rejected_share=1.0) == 0
    assert archive.refused() == [(line, "bag_of_two_patients") for line in (2, 3, 5)]


@pytest.mark.parametrize("how", ["mark", "gz", "breaks", "quotes", "windows", "spaces"])
def test_the_file_may_be_written_as_spreadsheets_write_it(how, archive):
    archive.write()
    assert archive.ingest(by="table") == 0
    expected = archive.output()
    path = archive.folder / "manifest.csv"
    text = path.read_text()
    if how == "gz":
        path.unlink()
        (archive.folder / "manifest.csv.gz").write_bytes(gzip.compress(text.encode()))
    else:
        changed = {
            "mark": "\ufeff" + text,
            "windows": text.replace("\n", "\r\n"),
            "breaks": text.replace("malignant,B1", '"malignant\n",B1', 1).replace("\n", "\n\n", 1),
            "quotes": text.replace("a/1.png", '"a/1.png"'),
            "spaces": text.replace(",", " , "),
        }[how]
        path.write_bytes(changed.encode())
    assert archive.ingest(by="table") == 0
    if how == "breaks":  # only the lines' numbers change
        assert [row["source_row"] for row in archive.taken()] == [3, 5, 6, 7]
    else:
        assert archive.output() == expected


def test_a_missing_file_bags_nobody_knows_and_an_unknown_organ_are_said_with_the_setting(archive, capsys):
    archive.write()
    for sections, said in (
        ({"manifest": {"file": "x.csv"}}, "set ingest.manifest.file"),
        ({"by": "neighbourhood"}, "set ingest.bags.by to image, study"),
        ({"manifest": {"organ": "heart"}}, "ingest.manifest.organ: heart is not known"),
    ):
        assert archive.ingest(**sections) == 1
        assert said in capsys.readouterr().err
    (archive.folder / "manifest.csv").rename(archive.folder / "x.csv.gz")
    with pytest.raises(MedhashError, match=r"x\.csv\.gz, line 1: not readable as CSV text"):
        read_entries(archive.folder, IngestParams(manifest=ManifestParams(file="x.csv")))


def test_files_that_no_line_names_are_not_opened(archive):
    archive.lines = archive.lines[:2]
    archive.files["b/strange.png"] = b"x"
    archive.write()
    with opened_files() as opened:
        assert archive.ingest() == 0
    assert archive.refused() == []
    assert {name for name in opened if name.endswith(".png")} == {"1.png", "2.png"}
    assert opened["1.png"] == 1, "not that of the other folder"


def test_a_forgotten_patient_leaves_nothing_and_their_files_stay_closed(archive, capsys):
    archive.lines += [
        "c/1.png,98765432,strange,,,,,,,,,,,,,",
        "c/2.png,98765432,benign",
        ",98765432,,,,,,,,,,,,,,",
        "b/1.png,98765432,benign,,,,,,,,,,,,,",
    ]
    archive.write()
    (archive.workspace.root / "data").mkdir()
    pseudonym = pseudonyms(KEY.encode(), "patient", ["98765432"])[0]
    digest = hashlib.sha256(b"forgotten\0" + pseudonym.encode()).hexdigest()
    (archive.workspace.root / "data" / "forgotten.txt").write_text(f"{digest}\n")
    with opened_files() as opened:
        assert archive.ingest(by="table") == 0
    told = capsys.readouterr().out
    assert "left out 2 images of 1 forgotten patients" in told
    assert "refused 0" in told
    assert (archive.bags(), opened["1.png"], opened["2.png"]) == ([[2, 3]], 1, 1)
    assert archive.mentions("98765432") == []
    private = pq.read_table(archive.workspace.private / "sources.parquet")["source_name"].to_pylist()
    assert sorted(private) == ["a/1.png", "a/2.png"]


def test_a_link_within_the_archive_is_followed(archive):
    archive.write()
    (archive.folder / "b" / "1.png").unlink()
    (archive.folder / "b" / "1.png").symlink_to("../other.png")
    (archive.folder / "other.png").write_bytes(coloured(9))
    settings = IngestParams(bags=BagParams(by="patient"))
    assert [(file.name, file.data == coloured(9)) for file in image_files(archive.folder, settings)] == [
        ("a/1.png", False),
        ("a/2.png", False),
        ("b/1.png", True),
        ("b/2.png", False),
    ]
