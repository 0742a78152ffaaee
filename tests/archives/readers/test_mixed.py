"""Archives that are joined: whose rows they are, what their labels become, and that nothing of them gets mixed up."""

import cv2
import numpy as np
import pytest
from archives.readers.mixed_archive import FOLDERS, MixedArchive
from forgetting import forget
from named_archive import KEY, NamedArchive
from watching import age, opened_files

from medhash.archives.pseudonyms import pseudonyms


@pytest.fixture
def archive(tmp_path, monkeypatch) -> MixedArchive:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return MixedArchive(tmp_path)


def test_each_image_has_its_archives_modality_and_organ_and_its_own_pathology(archive, capsys):
    archive.write()
    assert archive.ingest() == 0
    rows = [
        (
            row["source_row"],
            row["modality"],
            row["organ"],
            row["labels"].get("pathology"),
            row["labels"]["archive"],
            row["sex"],
        )
        for row in archive.taken()
    ]
    assert rows == [
        (100000001, "histology", "breast", ["benign"], ["tiles"], None),
        (100000002, "histology", "breast", ["malignant"], ["tiles"], None),
        (200000001, "mr", "brain", None, ["scans"], None),
        (200000002, "mr", "brain", None, ["scans"], None),
        (200000003, "mr", "brain", ["glioma"], ["scans"], None),
        (300000002, "mammography", "breast", ["benign"], ["films"], "F"),
        (300000003, "mammography", "breast", ["malignant", "benign"], ["films"], "F"),
        (300000004, "mammography", "breast", None, ["films"], "M"),
    ]
    assert archive.taken()[0]["labels"]["magnification"] == ["40x"], "other attributes keep their names"
    assert archive.refused() == []
    told = capsys.readouterr().out
    assert "tiles: 2 rows, 0 refused\nscans: 3 rows, 0 refused\nfilms: 3 rows, 0 refused\n" in told


def test_patients_of_two_archives_are_two_whatever_their_numbers_and_no_number_is_public(archive, capsys):
    archive.write()
    assert archive.ingest(by="patient") == 0
    patients = {row["source_row"]: row["patient_id"] for row in archive.taken()}
    named = pseudonyms(KEY.encode(), "patient", ["tiles\x0014-98765", "films\x0014-98765"])
    assert [patients[row] for row in (100000001, 300000002, 300000003)] == [named[0], named[1], named[1]]
    assert archive.bags() == [
        [100000001],
        [100000002],
        [200000001],
        [200000002],
        [200000003],
        [300000002, 300000003],
        [300000004],
    ]
    assert set(archive.mentions("9876")) <= {"sources.parquet", "files.sqlite"}, "which are private"
    output = capsys.readouterr()
    assert "9876" not in output.out + output.err


def test_another_attribute_takes_the_place_of_pathology_and_labels_are_renamed_or_not_known(archive):
    archive.tiles |= {"attribute": "subtype", "labels": {"adenosis": "other benign", "ductal_carcinoma": None}}
    archive.films |= {"labels": {"malignant": "benign"}, "modality": "xray"}
    archive.write()
    assert archive.ingest() == 0
    labels = {row["source_row"]: row["labels"] for row in archive.taken()}
    assert labels[100000001] == {"pathology": ["other benign"], "archive": ["tiles"], "magnification": ["40x"]}
    assert labels[100000002] == {"archive": ["tiles"], "magnification": ["40x"]}
    assert labels[300000003]["pathology"] == ["benign"], "two labels that became one are one"
    assert archive.taken()[-1]["modality"] == "xray"


def test_colours_become_luma_beside_greys_unless_all_archives_have_colours(archive):
    blue, green, red = 200, 100, 50
    archive.files["tiles/SOB_B_A-14-98765-40-001.png"] = cv2.imencode(
        ".png", np.full((16, 16, 3), (blue, green, red), np.uint8)
    )[1].tobytes()
    archive.files["scans/tumour/98765433.png"] = cv2.imencode(".png", np.full((16, 16), 77, np.uint8))[1].tobytes()
    archive.write()
    assert archive.ingest() == 0
    pixels, rows = np.load(archive.workspace.pixels), archive.taken()
    assert pixels.shape == (8, 1, 16, 16)
    assert pixels[rows[0]["pixel_row"]] == pytest.approx(round(0.299 * red + 0.587 * green + 0.114 * blue))
    assert pixels[rows[4]["pixel_row"]] == pytest.approx(77)
    assert archive.ingest(mixed={"channels": 3}) == 0
    assert np.load(archive.workspace.pixels).shape == (7, 3, 16, 16)
    assert archive.refused() == [(200000003, "mixed_channels")]


def test_every_refusal_stands_under_its_row_and_says_which_archive_it_is_of(archive, capsys):
    archive.files["tiles/SOB_B_A-14-98765-40-001.png"] = b"no image"
    archive.files["tiles/98765437.png"] = archive.files["films/1.png"]
    archive.files["scans/healthy/98765435.png"] = archive.files["films/2.png"]
    archive.table += "4.png,98765438,benign,F\n5.png,98765439,strange,F\n"
    archive.write()
    assert archive.ingest(max_rejected_share=0.0) == 1
    error = capsys.readouterr().err
    for told in (
        "row 100000001: malformed_name (tiles: the name is not built",
        "row 100000002: not_an_image (tiles: ",
        "row 300000003: exact_duplicate (films: row 200000002 of scans has the same file; they disagree in labels)",
        "row 300000005: missing_image (films: no file belongs to the row)",
        "row 300000006: unknown_finding (films: labels holds one that",
    ):
        assert told in error
    assert "9876" not in error
    assert archive.ingest(max_rejected_share=1.0) == 0
    assert len(archive.refused()) == 5
    assert [row["source_row"] for row in archive.taken()] == [
        100000003,
        200000001,
        200000002,
        200000003,
        300000002,
        300000004,
    ]


def pack(archive: MixedArchive, name: str) -> None:
    """The archive's files of that folder into a tar that lies in the folder `packed`."""
    packed = NamedArchive(archive.workspace.root, "", [])
    packed.folder = archive.folder / "packed"
    packed.folder.parent.mkdir()
    packed.files = {path: data for path, data in archive.files.items() if path.startswith(name)}
    packed.write(f"{name}.tar")


def test_a_second_run_opens_no_image_and_no_tar(archive, capsys):
    pack(archive, "scans")
    archive.write()
    archive.scans |= {
        "archive": "packed",
        "settings": {"class_folders": {"folders": {f"scans/{folder}": shown for folder, shown in FOLDERS.items()}}},
    }
    age(archive.folder)
    assert archive.ingest() == 0
    first = archive.output()
    capsys.readouterr()
    with opened_files() as opened:
        assert archive.ingest() == 0
    assert not [name for name in opened if name.endswith((".png", ".tar"))]
    assert "decoded 0, reused 8" in capsys.readouterr().out
    assert archive.output() == first


def test_a_tar_is_read_anew_under_another_layout_which_gives_its_files_other_names(archive):
    pack(archive, "tiles")
    archive.write()
    archive.tiles["archive"] = "packed"
    age(archive.folder)
    assert archive.ingest() == 0
    shown = {"modality": "histology", "organ": "breast"}
    archive.tiles |= {"source": "class_folders", "settings": {"class_folders": {"folders": {"tiles": shown}}}}
    assert archive.ingest() == 0
    assert [row["source_row"] for row in archive.taken()][:2] == [100000001, 100000002]


def test_a_forgotten_patient_of_one_archive_leaves_and_the_other_archives_patient_of_that_number_stays(archive, capsys):
    archive.write()
    forget(archive.workspace.root, "films\x0014-98765", "scans\0tumour/98765433.png")
    with opened_files() as opened:
        assert archive.ingest() == 0
    assert "left out 3 images of 2 forgotten patients" in capsys.readouterr().out
    assert [row["source_row"] for row in archive.taken()] == [100000001, 100000002, 200000001, 200000002, 300000004]
    assert not {"1.png", "2.png", "98765433.png"} & opened.keys()
    assert "3.png" in opened
    assert archive.mentions("98765433") == []


ERRORS = {
    "no archive": ({"archives": []}, "ingest.mixed.archives is empty"),
    "absent folder": ({"tiles": {"archive": "tils"}}, "ingest.mixed.archives: tiles: "),
    "the same folder twice": ({"scans": {"archive": "./tiles"}}, "tiles and scans are one folder"),
    "the same name twice": ({"scans": {"name": "tiles"}}, "tiles is the name of two archives"),
    "no attribute of that name": (
        {"tiles": {"attribute": "grade"}},
        "archive tiles of ingest.mixed: it has no labels under the attribute grade",
    ),
    "an organ that nobody knows": ({"films": {"organ": None}}, "its reader knows no organ of any image"),
    "an organ that is none": ({"films": {"organ": "heart"}}, "ingest.mixed.archives: films.organ: heart is not known"),
    "a reader's own error": ({"tiles": {"source": "mias"}}, "archive tiles of ingest.mixed: "),
    "settings of another source": ({"tiles": {"settings": {"idc": {}}}}, "tiles: settings.idc is not allowed"),
    "settings that are not": (
        {"tiles": {"settings": {"breakhis": {"magnifications": [41]}}}},
        "tiles: settings.breakhis.magnifications.0",
    ),
    "a folder outside": ({"tiles": {"archive": "../tiles"}}, "must be in ingest.archive"),
    "a name with a slash": ({"tiles": {"name": "a/b"}}, "ingest.mixed.archives.0.name"),
    "a label that is two": ({"tiles": {"labels": {"benign": "a|b"}}}, "a label is a text without |"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_a_mistake_in_the_settings_is_named(case, archive, capsys):
    changes, told = ERRORS[case]
    for name in changes.keys() & {"tiles", "scans", "films"}:
        setattr(archive, name, getattr(archive, name) | changes[name])
    archive.write()
    assert archive.ingest(mixed={"archives": []} if "archives" in changes else {}) == 1
    assert told in capsys.readouterr().err


def test_regions_and_bags_that_not_all_archives_have_are_refused(archive, capsys):
    archive.write()
    assert archive.ingest(cut={"into": "regions"}) == 1
    assert "set ingest.cut.into to grid or whole" in capsys.readouterr().err
    assert archive.ingest(by="slide") == 1
    assert "set ingest.bags.by to image or patient" in capsys.readouterr().err
    assert archive.ingest("--metadata-only", cut={"into": "grid"}) == 0
    assert archive.ingest(cut={"into": "grid", "grid": 2}) == 0
    assert len(archive.taken()) > 8
