"""BreakHis: what its file names say, in folders and tars, and files that are none of its images."""

import hashlib
import io
import tarfile

import cv2
import numpy as np
import pytest
from named_archive import KEY, NamedArchive, coloured
from watching import age, opened_files

from medhash.archives.pseudonyms import pseudonyms
from medhash.archives.readers.breakhis import read_entries
from medhash.core.params import IngestParams
from medhash.core.params.ingest import BagParams

TREE = "BreaKHis_v1/histology_slides/breast"
PATHS = [
    f"{TREE}/benign/SOB/adenosis/SOB_B_A_14-98765AB/40X/SOB_B_A-14-98765AB-40-001.png",
    f"{TREE}/benign/SOB/adenosis/SOB_B_A_14-98765AB/100X/SOB_B_A-14-98765AB-100-001.png",
    f"{TREE}/benign/SOB/adenosis/SOB_B_A_14-98765CD/40X/SOB_B_A-14-98765CD-40-010.png",
    f"{TREE}/malignant/SOB/ductal_carcinoma/SOB_M_DC_14-98766/40X/SOB_M_DC-14-98766-40-001.png",
    f"{TREE}/malignant/SOB/lobular_carcinoma/SOB_M_LC_14-98766/40X/SOB_M_LC-14-98766-40-001.png",
]
"""Rows 1 to 5; the last two are one slide under two subtypes, as 14-13412 is published."""


@pytest.fixture
def archive(tmp_path, monkeypatch) -> NamedArchive:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return NamedArchive(tmp_path, "breakhis", PATHS)


@pytest.mark.parametrize(
    ("name", "patient", "slide", "labels"),
    [
        ("SOB_B_TA-14-4659-40-001.png", "14-4659", "14-4659", ["benign", "tubular_adenoma", "40x"]),
        ("SOB_B_PT-14-29315EF-200-014.png", "14-29315", "14-29315EF", ["benign", "phyllodes_tumor", "200x"]),
        ("SOB_M_MC-13-10147-400-1.PNG", "13-10147", "13-10147", ["malignant", "mucinous_carcinoma", "400x"]),
        ("SOB_M_PC-14-15687B-100-022.jpg", "14-15687", "14-15687B", ["malignant", "papillary_carcinoma", "100x"]),
        ("SOB_B_F_14-14134E_0.png", "14-14134", "14-14134E", ["benign", "fibroadenoma", ""]),
    ],
)
def test_a_name_says_patient_slide_class_subtype_and_magnification(name, patient, slide, labels, tmp_path):
    (tmp_path / name).write_bytes(b"")
    entries = read_entries(tmp_path, IngestParams(bags=BagParams(by="slide")))
    row = entries.rows.loc[1]
    assert [row[column] for column in ("source_name", "patient", "bag", "study")] == [name, patient, slide, slide]
    assert [row[column] for column in ("labels", "labels:subtype", "labels:magnification")] == labels
    assert (entries.channels, entries.modality, entries.organ, entries.rejections) == (3, "histology", "breast", [])


@pytest.mark.parametrize(
    "name",
    [
        "SOB_M_A-14-98767-40-001.png",
        "SOB_B_DC-14-98767-40-001.png",
        "SOB_B_XY-14-98767-40-001.png",
        "SOB_B_A-14-98767-41-001.png",
        "SOB_B_A-14-98767-40-001 (1).png",
        "sob_b_a-14-98767-40-001.png",
        "CNB_B_A-14-98767-40-001.png",
        "14-98767.png",
        "SOB_B_A_14-98767-40-001.png",
        "SOB_B_A-14-98767-40-.png",
        "SOB_B_A-14-98767ab-40-001.png",
        "SOB_B_A-१४-98767-40-001.png",
        f"SOB_B_A-14-98767-40-{'9' * 30}.png",
    ],
)
def test_a_name_of_another_form_is_refused_by_its_place_and_never_told(name, archive, capsys):
    archive.files = {"SOB_B_A-14-11111-40-001.png": coloured(0), name: coloured(1)}
    archive.write()
    place = sorted(archive.files).index(name) + 1
    assert archive.ingest(max_rejected_share=0.4) == 1
    assert f"row {place}: malformed_name" in (error := capsys.readouterr().err)
    assert archive.ingest() == 0
    assert archive.refused() == [(place, "malformed_name")]
    output = capsys.readouterr()
    assert "98767" not in error + output.out + output.err
    assert b"98767" not in b"".join(archive.output().values())


@pytest.mark.parametrize("by", ["image", "slide", "patient"])
def test_folders_one_folder_and_tars_give_the_same_bytes(by, archive, tmp_path):
    outputs = []
    for number, layout in enumerate(({}, {"flat": True}, {"tar": "BreaKHis_v1.tar.gz"}, {"tar": "x.tar"})):
        other = NamedArchive(tmp_path / str(number), "breakhis", PATHS)
        other.workspace.root.mkdir()
        other.write(**layout)
        assert other.ingest(by=by) == 0
        outputs.append(other.output())
    assert outputs[0] == outputs[1] == outputs[2] == outputs[3]
    assert (
        other.bags()
        == {"image": [[1], [2], [3], [4], [5]], "slide": [[1, 2], [3], [4, 5]], "patient": [[1, 2, 3], [4, 5]]}[by]
    )
    assert other.refused() == []


def test_rows_are_the_names_in_order_and_a_slide_under_two_subtypes_keeps_both_image_by_image(archive):
    archive.write()
    assert archive.ingest(by="slide") == 0
    rows = archive.taken()
    # By name, `-100-` stands before `-40-`.
    assert [row["labels"] for row in rows] == [
        {"pathology": ["benign"], "subtype": ["adenosis"], "magnification": [size]} for size in ("100x", "40x", "40x")
    ] + [
        {"pathology": ["malignant"], "subtype": [subtype], "magnification": ["40x"]}
        for subtype in ("ductal_carcinoma", "lobular_carcinoma")
    ]
    patients = pseudonyms(KEY.encode(), "patient", ["14-98765", "14-98766"])
    assert [row["patient_id"] for row in rows] == [patients[0]] * 3 + [patients[1]] * 2
    assert np.load(archive.workspace.pixels).shape == (5, 3, 16, 16)
    assert set(archive.mentions("98765")) <= {"sources.parquet", "files.sqlite"}, "which are private"


def test_only_the_magnifications_asked_for_are_taken_and_names_without_one_are_refused(archive, capsys):
    archive.files |= {"SOB_B_A_14-98767_0.png": coloured(9)}
    archive.write()
    assert archive.ingest(breakhis={"magnifications": [100, 400]}) == 0
    assert "4 images left out by ingest.breakhis.magnifications: [100, 400]" in capsys.readouterr().out
    assert [row["source_row"] for row in archive.taken()] == [1]
    assert archive.refused() == [(4, "malformed_name")], "_ stands after -"
    assert archive.ingest(breakhis={"magnifications": [200]}, max_rejected_share=1.0) == 1
    assert "holds no image of the magnifications [200]" in capsys.readouterr().err


def test_bags_that_names_do_not_tell_are_refused_with_those_they_do(archive, capsys):
    archive.write()
    assert archive.ingest(by="breast") == 1
    assert "set ingest.bags.by to image, slide or patient" in capsys.readouterr().err


def test_a_second_copy_of_a_file_counts_for_nothing_and_another_file_of_its_name_spoils_both(archive):
    archive.files |= {f"copy/{path}": data for path, data in archive.files.items()}
    archive.write()
    assert archive.ingest() == 0
    assert (len(archive.taken()), archive.refused()) == (5, [])
    archive.files[f"copy/{PATHS[0]}"] = coloured(50)
    archive.write(tar="again.tar")
    assert archive.ingest() == 0
    assert archive.refused() == [(2, "ambiguous_file")]


def test_the_same_picture_named_twice_a_grey_one_and_a_broken_one_are_refused_by_row(archive):
    name = "SOB_M_DC-14-98766-40-001"
    archive.files |= {f"{name}.jpg": coloured(9), f"{name.replace('-40-', '-40-0')}.png": coloured(10)}
    archive.files[PATHS[0]] = cv2.imencode(".png", np.zeros((20, 20), np.uint8))[1].tobytes()
    archive.files[PATHS[1]] = b"no image"
    archive.write()
    assert archive.ingest(max_rejected_share=1.0) == 0
    assert archive.refused() == [(1, "not_an_image"), (2, "mixed_channels"), (5, "duplicate_row"), (6, "duplicate_row")]


def test_hidden_files_and_folders_are_passed_over(archive):
    archive.files |= {"._SOB_B_A-14-98765AB-40-001.png": b"x", ".trash/strange.png": b"x", "README.txt": b"x"}
    archive.write()
    assert archive.ingest() == 0
    assert (len(archive.taken()), archive.refused()) == (5, [])


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (tarfile.TarInfo("../98765.png"), "member 1 has a path that leaves the archive"),
        (tarfile.TarInfo("/98765.png"), "member 1 has a path that leaves the archive"),
        ("link", "member 1 is a link or a device"),
    ],
)
def test_an_unsafe_tar_stops_the_run_and_is_named_without_its_member(member, message, archive, capsys):
    if member == "link":
        member = tarfile.TarInfo("SOB_B_A-14-98765AB-40-001.png")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    archive.folder.mkdir()
    with tarfile.open(archive.folder / "BreaKHis_v1.tar.gz", "w:gz") as tar:
        tar.addfile(member, io.BytesIO(b""))
    assert archive.ingest() == 1
    error = capsys.readouterr().err
    assert f"BreaKHis_v1.tar.gz: {message}" in error
    assert "98765" not in error


def test_a_tar_that_was_cut_off_stops_the_run_and_nothing_is_lost(archive, capsys):
    archive.write(tar="BreaKHis_v1.tar.gz")
    assert archive.ingest() == 0
    good = archive.output()
    path = archive.folder / "BreaKHis_v1.tar.gz"
    path.write_bytes(path.read_bytes()[:-40])
    assert archive.ingest() == 1
    assert "BreaKHis_v1.tar.gz is damaged" in capsys.readouterr().err
    assert archive.output() == good


@pytest.mark.parametrize("spoil", ["empty", "file", "absent"])
def test_an_archive_without_images_is_one_clear_error(spoil, archive, capsys):
    if spoil == "empty":
        archive.folder.mkdir()
    elif spoil == "file":
        archive.folder.write_bytes(b"")
    assert archive.ingest() == 1
    error = capsys.readouterr().err
    assert "to the folder" in error
    assert "that holds the images" in error
    assert ("holds no PNG or JPEG file" if spoil == "empty" else "cannot be listed") in error


@pytest.mark.parametrize("tar", ["", "BreaKHis_v1.tar.gz"])
def test_an_unchanged_archive_is_not_read_again(tar, archive):
    archive.write(tar)
    age(archive.folder)
    assert archive.ingest() == 0
    with opened_files() as opened:
        assert archive.ingest() == 0
    assert not [name for name in opened if name.endswith((".gz", ".png"))]


@pytest.mark.parametrize("tar", ["", "BreaKHis_v1.tar.gz"])
def test_a_forgotten_patient_is_left_out_with_every_piece_and_with_files_of_another_form(tar, archive, capsys):
    archive.files |= {"SOB_B_A-14-98765AB-40-001 (1).png": coloured(9), "14_98765 AB.png": coloured(10)}
    archive.write(tar)
    age(archive.folder)
    (archive.workspace.root / "data").mkdir()
    pseudonym = pseudonyms(KEY.encode(), "patient", ["14-98765"])[0]
    digest = hashlib.sha256(b"forgotten\0" + pseudonym.encode()).hexdigest()
    (archive.workspace.root / "data" / "forgotten.txt").write_text(f"{digest}\n")
    for _ in range(2):
        with opened_files() as opened:
            assert archive.ingest(by="slide") == 0
        told = capsys.readouterr().out
        assert "left out 3 images of 1 forgotten patients" in told
        assert "refused 0" in told
        assert archive.bags() == [[6, 7]]
        assert not [name for name in opened if "98765" in name]
        assert archive.mentions("98765") == []
    assert archive.mentions("98766"), "the proof above looks at what is kept"
