"""NIH's table in all the forms it is published and saved in."""

import gzip

import pytest

from medhash.archives.readers.nih import read_data_entry
from medhash.core.errors import MedhashError

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
ROW = "00000001_000.png,Cardiomegaly|Mass,0,1,57,M,PA,2682,2749,0.143,0.143"
REORDERED = (
    "Patient Sex,Patient ID,Image Index,Finding Labels,Follow-up #,Patient Age,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]",
    "M,00000001,00000001_000.png,Cardiomegaly|Mass,000,057Y,PA,2682,2749,0.143,0.143",
)


def table(folder, *lines, name="Data_Entry_2017.csv", end="\n", encoding="utf-8"):
    path = folder / name
    data = (end.join(lines) + end).encode(encoding)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize(
    ("lines", "saved"),
    [
        ((HEADER, ROW), {}),
        ((HEADER, ROW), {"name": "Data_Entry_2017.csv.gz"}),
        ((HEADER + ",", ROW + ","), {}),
        ((HEADER, ROW + ","), {}),
        ((HEADER.replace("Gender", "Sex"), ROW), {}),
        (REORDERED, {}),
        ((HEADER, ROW), {"end": "\r\n", "encoding": "utf-8-sig"}),
        ((HEADER, ROW.replace("Cardiomegaly|Mass", '"Cardiomegaly|Mass"').replace(",57,", ", 57 ,")), {}),
    ],
    ids=["v2020", "gz", "2017 trailing comma", "comma in rows only", "sex", "reordered", "windows", "quoted"],
)
def test_every_published_form_of_the_table_reads_the_same(lines, saved, tmp_path):
    entries = read_data_entry(table(tmp_path, *lines, **saved))
    assert entries.rejections == []
    assert entries.rows.reset_index().to_dict("records") == [
        {
            "index": 2,
            "source_name": "00000001_000.png",
            "patient": "1",
            "study": "1\x000",
            "labels": "Cardiomegaly|Mass",
            "view": "PA",
            "sex": "M",
            "age": 57,
            "width": 2682,
            "height": 2749,
            "pixel_spacing": 0.143,
        }
    ]


def test_a_column_that_names_the_collection_becomes_a_label_of_that_attribute(tmp_path):
    second = ROW.replace("00000001_000", "00000002_000")
    path = table(tmp_path, f"{HEADER},Collection", f"{ROW},one clinic", f"{second},")
    assert read_data_entry(path).rows["labels:collection"].tolist() == ["one clinic", ""]
    assert "labels:collection" not in read_data_entry(table(tmp_path, HEADER, ROW)).rows


@pytest.mark.parametrize(
    ("written", "age"),
    [
        ("58", 58),
        ("058Y", 58),
        ("0", 0),
        ("011M", 0),
        ("003D", 0),
        ("120", 90),
        ("90", 90),
        ("89", 89),
        ("121", None),
        ("411", None),
        ("", None),
        ("-3", None),
        ("fifty", None),
    ],
)
def test_ages_are_whole_years_capped_at_90_and_absurd_ones_are_null(written, age, tmp_path):
    entries = read_data_entry(table(tmp_path, HEADER, ROW.replace(",57,", f",{written},")))
    assert entries.rows["age"].astype(object).where(entries.rows["age"].notna(), None).tolist() == [age]


@pytest.mark.parametrize(
    ("column", "now", "expected"),
    [
        ("Image Index", "Image", "'Image Index' is missing; the nearest name found is 'Image'"),
        ("Patient ID", "PatientID", "'Patient ID' is missing; the nearest name found is 'PatientID'"),
        (
            "Patient Gender",
            "Gender",
            "'Patient Gender' or 'Patient Sex' is missing; the nearest name found is 'Gender'",
        ),
        ("Finding Labels", "", "'Finding Labels' is missing"),
        ("OriginalImage[Width", "OriginalImageWidth", "the nearest name found is 'OriginalImageWidth'"),
        ("View Position", "Patient ID", "'Patient ID' occurs twice"),
    ],
)
def test_a_missing_or_renamed_column_is_named_with_the_nearest_name_found(column, now, expected, tmp_path):
    with pytest.raises(MedhashError) as caught:
        read_data_entry(table(tmp_path, HEADER.replace(column, now), ROW))
    assert expected in caught.value.problem
    assert "Data_Entry_2017.csv" in caught.value.problem


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        (ROW.replace("|Mass", "|Measles"), "unknown_finding", "Finding Labels holds a finding that NIH does not list"),
        (ROW.replace("|Mass", "|Pleural Thickening"), "unknown_finding", "nearest known one is Pleural_Thickening"),
        (ROW.replace("Cardiomegaly|Mass", ""), "unknown_finding", "does not list"),
        (ROW.replace("_000", "_001").replace(",0,1,", ",0, ,"), "empty_patient", "Patient ID is empty"),
        (ROW.replace("00000001_000.png", ""), "empty_image_name", "Image Index is empty"),
        (ROW, "duplicate_row", "row 2 describes the same image"),
        (ROW + ",extra", "malformed_row", "12 fields, the header has 11"),
        ("only,three,fields", "malformed_row", "3 fields, the header has 11"),
    ],
)
def test_a_bad_row_is_refused_by_its_line_and_the_others_are_kept(row, reason, detail, tmp_path):
    if reason == "unknown_finding":
        row = row.replace("_000", "_001")
    third = ROW.replace("_000", "_002")
    entries = read_data_entry(table(tmp_path, HEADER, ROW, "", row, third))
    assert [(refused.source_row, refused.reason) for refused in entries.rejections] == [(4, reason)]
    assert detail in entries.rejections[0].detail
    assert "Measles" not in entries.rejections[0].detail
    assert entries.rows.index.tolist() == [2, 5]
    assert entries.n_rows == 3


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "'Image Index' is missing"),
        ((HEADER + "\n").encode(), "a header and no rows"),
        (f"{HEADER}\n{ROW}\n\xe9".encode("latin-1"), "not readable as CSV text"),
    ],
)
def test_a_file_that_is_no_table_is_one_clear_error(data, problem, tmp_path):
    path = tmp_path / "Data_Entry_2017.csv"
    path.write_bytes(data)
    with pytest.raises(MedhashError, match=problem):
        read_data_entry(path)


def test_a_packed_table_that_was_cut_off_is_one_clear_error(tmp_path):
    path = table(tmp_path, HEADER, ROW, name="Data_Entry_2017.csv.gz")
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(MedhashError, match="not readable as CSV text"):
        read_data_entry(path)
