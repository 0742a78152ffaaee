"""CBIS-DDSM's files: found by their cases in every layout in use, cut-outs told from masks."""

import hashlib

import cv2
import numpy as np
import pytest
from archives.readers.cbis_ddsm_archive import SECRET, Cbis, row
from archives.readers.mammography import KEY, film, png
from dicom_files import dicom
from forgetting import forget, named_in_outputs
from watching import age, opened_files


@pytest.fixture
def cbis(tmp_path, monkeypatch) -> Cbis:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return Cbis(tmp_path)


def _published(case, row):
    return row["image file path"]


LAYOUTS = {
    "as the paths say": (_published, "dcm"),
    "a later download, other series": (lambda case, row: f"CBIS-DDSM/{case}/08-07-2016-NA/1.0-full/1-1.dcm", "dcm"),
    "converted, in the case's folder": (lambda case, row: f"images/{case}/whatever.jpg", "jpg"),
    "converted, named after the case": (lambda case, row: f"png/{case}.png", "png"),
    "converted, in the series' folder": (
        lambda case, row: f"jpeg/{row['image file path'].split('/')[2]}/1-249.png",
        "png",
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_film_is_found_by_its_case_in_every_layout_and_cut_outs_are_left_alone(layout, cbis):
    path_of, kind = LAYOUTS[layout]
    digests = {}
    for number, (case, first) in enumerate(cbis.films().items()):
        data = (
            dicom(film(number).astype(np.uint16) * 100)
            if kind == "dcm"
            else cv2.imencode(f".{kind}", film(number))[1].tobytes()
        )
        cbis.files[path_of(case, first)] = data
        digests[case] = hashlib.sha256(data).hexdigest()
    for number, other in enumerate(cbis.rows):
        cbis.files[other["cropped image file path"].strip()] = png(50 + number)
        cbis.files[other["ROI mask file path"].strip()] = png(70 + number)
    cbis.files["Calc-Test_P_00001_LEFT_CC/1.2/1.3/000000.dcm"] = b"of a table that is not there"
    cbis.gz = layout.startswith("as")
    cbis.write()
    assert cbis.ingest() == 0
    assert cbis.refused() == []
    expected = {digests[case] for case in cbis.films()}
    assert {row["sha256"] for row in cbis.taken()} == expected
    by_row = {row["source_row"]: row["sha256"] for row in cbis.taken()}
    assert by_row[3_000_002] == digests["Mass-Training_P_98765_LEFT_CC"]
    assert by_row[1_000_002] == digests["Calc-Training_P_98765_LEFT_CC"]


@pytest.mark.parametrize("described", [True, False])
def test_a_cut_out_is_told_from_its_mask_by_its_header_whatever_the_paths_say(described, cbis, capsys):
    digests = {}
    for number, other in enumerate(cbis.rows):
        crop = dicom(film(number, 20).astype(np.uint16) * 100, **_says("cropped images", described))
        mask = dicom((film(number) > 99).astype(np.uint8) * 255, **_says("ROI mask images", described))
        paths = [other["cropped image file path"].strip(), other["ROI mask file path"].strip()]
        cbis.files.update(zip(paths if number % 2 else reversed(paths), (crop, mask), strict=True))
        digests[other["cropped image file path"].partition("/")[0]] = hashlib.sha256(crop).hexdigest()
        cbis.files[f"{other['image file path']}"] = dicom(film(90).astype(np.uint16))
    cbis.write()
    age(cbis.folder)
    assert cbis.ingest(cbis_ddsm={"images": "cropped"}, bags={"by": "breast"}) == 0
    assert cbis.refused() == []
    rows = cbis.taken()
    assert {row["sha256"] for row in rows} == set(digests.values())
    assert [(row["source_row"], row["labels"]["pathology"]) for row in rows][:2] == [
        (1_000_002, "benign"),
        (1_000_004, "benign"),
    ], "a cut-out has its own label"
    capsys.readouterr()
    with opened_files() as opened:
        assert cbis.ingest(cbis_ddsm={"images": "cropped"}, bags={"by": "breast"}) == 0
    assert not [name for name in opened if name.endswith(".dcm")], "neither cut-outs nor masks are read again"
    assert "decoded 0, reused 7" in capsys.readouterr().out


def _says(description, described):
    return {"SeriesDescription": description} if described else {}


def test_two_pictures_in_the_folder_of_a_converted_cut_out_are_not_guessed_between(cbis):
    cbis.rows = cbis.rows[:2]
    names = ("1/1-1", "1/1-2", "2/crop", "2/mask")
    cbis.files = {f"Calc-Training_P_98765_LEFT_CC_{name}.png": png(number) for number, name in enumerate(names)}
    cbis.write()
    assert cbis.ingest(cbis_ddsm={"images": "cropped"}) == 0
    assert cbis.refused() == [(1_000_002, "ambiguous_file")]
    assert [row["source_row"] for row in cbis.taken()] == [1_000_004]


def test_missing_broken_and_unlisted_films_are_refused_and_the_breast_keeps_its_others(cbis):
    cbis.files = {f"{case}/1-1.png": png(number) for number, case in enumerate(cbis.films())}
    del cbis.files["Calc-Training_P_98766_RIGHT_MLO/1-1.png"]
    cbis.files["Mass-Training_P_98765_LEFT_MLO/1-1.png"] = png(9)[:-9]
    cbis.files["Mass-Test_P_98765_RIGHT_CC/1-2.png"] = png(10)
    cbis.files["Mass-Test_P_00001_LEFT_CC/1-1.png"] = png(11)
    cbis.write()
    assert cbis.ingest(bags={"by": "breast"}) == 0
    assert cbis.refused() == [
        (1_000_006, "missing_image"),
        (3_000_004, "truncated"),
        (4_000_002, "ambiguous_file"),
        (None, "no_row"),
    ]
    assert [row["source_row"] for row in cbis.taken()] == [1_000_002, 3_000_002, 4_000_004]
    assert SECRET.encode() not in cbis.written()


def test_a_forgotten_patient_leaves_no_trace_in_rows_refusals_or_files(cbis):
    cbis.rows += [
        row("Mass-Test", "P_98765") | {"image view": "XX"},
        row("Mass-Test", "P_98768") | {"image file path": "Mass-Test_P_98765_LEFT_CC/1/2/3.dcm"},
    ]
    cbis.files = {f"{case}/1-1.png": png(number) for number, case in enumerate(cbis.films())}
    cbis.files["Mass-Test_P_98765_LEFT_MLO/1-1.png"] = png(50)
    cbis.write()
    forget(cbis.workspace.root, "P_98765")
    assert cbis.ingest() == 0
    assert cbis.refused() == []
    assert [row["source_row"] for row in cbis.taken()] == [1_000_006, 4_000_004]
    assert "P_98765" not in named_in_outputs(cbis.workspace.root)
