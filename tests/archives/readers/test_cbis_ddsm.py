"""CBIS-DDSM's case tables: films of several abnormalities, breasts, both lists, and rows that cannot be taken."""

import pytest
from archives.readers.cbis_ddsm_archive import SECRET, TABLES, Cbis, row
from archives.readers.mammography import KEY, png


@pytest.fixture
def cbis(tmp_path, monkeypatch) -> Cbis:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return Cbis(tmp_path)


def test_an_image_has_the_labels_of_all_that_its_film_shows_and_its_own_list(cbis, capsys):
    cbis.write()
    assert cbis.ingest("--metadata-only", bags={"by": "breast"}) == 0
    assert (
        "7 rows of 3 of 4 tables: 6 images of 5 films; 0 rows left out as benign without callback; "
        "1 patients stand in train and test tables"
    ) in capsys.readouterr().out
    rows = cbis.taken()
    both = {"pathology": "malignant", "abnormality": "calcification|mass", "density": "2"}
    columns = ("source_row", "view", "laterality", "official_fold", "labels")
    assert [tuple(row[column] for column in columns) for row in rows] == [
        (1_000_002, "CC", "L", "train_val", both),
        (1_000_006, "MLO", "R", "train_val", {"pathology": "benign", "abnormality": "calcification"}),
        (3_000_002, "CC", "L", "train_val", both),
        (3_000_004, "MLO", "L", "train_val", {"pathology": "benign", "abnormality": "mass", "density": "2"}),
        (4_000_002, "CC", "R", "test", {"pathology": "benign", "abnormality": "mass", "density": "2"}),
        (4_000_004, "CC", "L", "test", {"pathology": "malignant", "abnormality": "mass", "density": "2"}),
    ]
    bags = [row["bag_id"] for row in rows]
    assert bags[0] == bags[2] == bags[3]
    assert len(set(bags)) == 4
    patients = [row["patient_id"] for row in rows]
    assert patients[0] == patients[2] == patients[3] == patients[4]
    assert len(set(patients)) == 3
    assert {(row["modality"], row["organ"]) for row in rows} == {("mammography", "breast")}
    assert cbis.ingest("--metadata-only", bags={"by": "patient"}) == 0
    assert len({row["bag_id"] for row in cbis.taken()}) == 3
    assert cbis.ingest("--metadata-only") == 0
    assert len({row["bag_id"] for row in cbis.taken()}) == 6


@pytest.mark.parametrize(
    ("rule", "lines", "label"), [("benign", 6, "benign"), ("normal", 6, "normal"), ("exclude", 5, None)]
)
def test_benign_without_callback_becomes_what_the_setting_says(rule, lines, label, cbis):
    cbis.files = {f"{case}/1-1.png": png(number) for number, case in enumerate(cbis.films())}
    cbis.write()
    assert cbis.ingest(cbis_ddsm={"benign_without_callback": rule}) == 0
    rows = {row["source_row"]: row["labels"]["pathology"] for row in cbis.taken()}
    assert len(rows) == lines
    assert rows.get(1_000_006) == label
    assert rows[1_000_004 if rule == "exclude" else 1_000_002] == "malignant"
    assert cbis.refused() == [], "a film that is left out is no refusal"


BAD = {
    "no patient": ({"patient_id": " "}, "empty_patient"),
    "unknown view": ({"image view": "ML"}, "unknown_view"),
    "unknown side": ({"left or right breast": "BOTH"}, "unknown_laterality"),
    "unknown pathology": ({"pathology": "SUSPICIOUS"}, "unknown_pathology"),
    "unknown abnormality": ({"abnormality type": "asymmetry"}, "unknown_finding"),
    "abnormality without a number": ({"abnormality id": "one"}, "malformed_row"),
    "another patient's film": ({"patient_id": "P_98769"}, "malformed_name"),
    "the other breast's film": ({"left or right breast": "RIGHT"}, "malformed_name"),
    "another film's cut-out": ({"cropped image file path": "Calc-Test_P_98765_LEFT_MLO_1/1/2/3.dcm"}, "malformed_name"),
    "no path": ({"image file path": ""}, "malformed_name"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_listed_by_table_and_line(case, cbis, capsys):
    values, reason = BAD[case]
    cbis.rows.append(row("Mass-Test", "P_98768") | values)
    cbis.write()
    assert cbis.ingest("--metadata-only", max_rejected_share=0.1) == 1
    error = capsys.readouterr().err
    assert "1 refused against 8 rows" in error
    assert f"row 4000006: {reason}" in error
    assert cbis.ingest("--metadata-only") == 0
    assert cbis.refused() == [(4_000_006, reason)]
    assert len(cbis.taken()) == 6
    output = capsys.readouterr()
    assert SECRET not in error + output.out + output.err
    assert SECRET.encode() not in cbis.written()


def test_an_abnormality_that_is_listed_twice_counts_once_even_in_train_and_test(cbis):
    cbis.rows += [
        row("Calc-Training", "P_98765", number=2, pathology="MALIGNANT"),
        row("Calc-Test", "P_98765", number=2),
    ]
    cbis.write()
    assert cbis.ingest("--metadata-only") == 0
    assert cbis.refused() == [(1_000_008, "duplicate_row"), (2_000_002, "duplicate_row")]


def test_a_row_that_is_cut_off_is_listed(cbis):
    cbis.write()
    path = cbis.folder / TABLES["Mass-Test"]
    path.write_text(path.read_text() + "P_98768,1,LEFT\n")
    assert cbis.ingest("--metadata-only") == 0
    assert cbis.refused() == [(4_000_006, "malformed_row")]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda text: text.replace("pathology", "pathologie", 1),
            "column 'pathology' is missing; the nearest name found is 'pathologie'",
        ),
        (lambda text: text.replace("assessment", "pathology", 1), "column 'pathology' occurs twice"),
        (lambda text: text + '"P_98765,', "not readable as CSV text"),
        (lambda text: "", "column 'patient_id' is missing"),
    ],
)
def test_a_table_that_is_none_is_one_clear_error(spoil, told, cbis, capsys):
    cbis.write()
    path = cbis.folder / TABLES["Calc-Training"]
    path.write_text(spoil(path.read_text()))
    assert cbis.ingest("--metadata-only") == 1
    error = capsys.readouterr().err
    assert told in error
    assert SECRET not in error


def test_no_table_and_other_bags_are_refused(cbis, capsys):
    cbis.folder.mkdir()
    assert cbis.ingest("--metadata-only") == 1
    assert "holds none of CBIS-DDSM's case tables" in capsys.readouterr().err
    cbis.write()
    assert cbis.ingest("--metadata-only", bags={"by": "slide"}) == 1
    assert "set ingest.bags.by to image, breast or patient" in capsys.readouterr().err
