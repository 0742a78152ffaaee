"""INbreast: labels from BI-RADS, patients from the table or from the names of files, and what cannot be taken."""

import numpy as np
import pytest
from archives.readers.mammography import KEY, MammographyArchive, film, png
from dicom_files import dicom
from forgetting import forget, named_in_outputs

HEADER = "Patient ID;Patient age;Laterality;View;Acquisition date;File Name;ACR;Bi-Rads"
HASHES = ("61b13c59bcba149e", "0123456789abcdef")


class Inbreast(MammographyArchive):
    """Four films of one patient, one of another, in DICOM files under their published names."""

    def __init__(self, root):
        super().__init__(root, "inbreast")
        self.lines = [
            "removed;removed;R;CC;201001;98765001;4;1",
            "removed;removed;L;CC;201001;98765002;3;4c",
            "removed;removed;R;MLO;201001;98765003;4;2",
            "removed;removed;L;MLO;201002;98765004; ;5",
            "removed;removed;R;FB;201001;98765005;1;3",
        ]
        for number in range(5):
            name = f"AllDICOMs/9876500{number + 1}_{HASHES[number == 4]}_MG_R_CC_ANON.dcm"
            self.files[name] = dicom(film(number).astype(np.uint16) * 16, bits=12)

    def write(self) -> None:
        self.files["INbreast.csv"] = "\r\n".join([HEADER, *self.lines, ""]).encode()
        super().write()


@pytest.fixture
def inbreast(tmp_path, monkeypatch) -> Inbreast:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return Inbreast(tmp_path)


def test_patients_are_told_by_the_files_names_and_breasts_are_bags(inbreast):
    inbreast.write()
    assert inbreast.ingest(bags={"by": "breast"}) == 0
    assert inbreast.refused() == []
    rows = inbreast.taken()
    assert [(row["view"], row["laterality"], row["labels"]) for row in rows] == [
        ("CC", "R", {"pathology": "normal", "density": "4"}),
        ("CC", "L", {"pathology": "malignant", "density": "3"}),
        ("MLO", "R", {"pathology": "benign", "density": "4"}),
        ("MLO", "L", {"pathology": "malignant"}),
        ("FB", "R", {"pathology": "benign", "density": "1"}),
    ]
    assert len({row["patient_id"] for row in rows[:4]}) == len({row["patient_id"] for row in rows}) - 1 == 1
    bags = [row["bag_id"] for row in rows]
    assert bags[0] == bags[2]
    assert bags[1] == bags[3]
    assert len(set(bags)) == 3
    studies = [row["study_id"] for row in rows]
    assert studies[0] == studies[1] == studies[2] != studies[3], "another month"
    assert inbreast.ingest("--metadata-only", bags={"by": "patient"}) == 0
    assert len({row["bag_id"] for row in inbreast.taken()}) == 2


def test_patients_and_ages_of_a_table_that_has_them_go_before_the_files_names(inbreast):
    inbreast.lines = [
        line.replace("removed;removed", f"case {number // 2};0{60 + 20 * number}Y")
        for number, line in enumerate(inbreast.lines)
    ]
    inbreast.files = {f"98765{number:03d}.png": png(number) for number in range(1, 6)}
    inbreast.write()
    assert inbreast.ingest(bags={"by": "patient"}) == 0
    assert [row["age"] for row in inbreast.taken()] == [60, 80, 90, 90, None]
    bags = [row["bag_id"] for row in inbreast.taken()]
    assert bags[0] == bags[1] != bags[2] == bags[3] != bags[4]


@pytest.mark.parametrize("options", [(), ("--metadata-only",)])
def test_films_of_unknown_patients_are_not_made_patients_of_their_own(options, inbreast, capsys):
    inbreast.files = {f"98765{number:03d}.png": png(number) for number in range(1, 6)}
    inbreast.write()
    assert inbreast.ingest(*options) == 1
    assert "folds could not keep patients apart" in (error := capsys.readouterr().err)
    assert "98765" not in error


def test_a_film_whose_patient_or_file_is_missing_is_refused_and_the_others_are_taken(inbreast):
    inbreast.files = {name: data for name, data in inbreast.files.items() if "98765002" not in name}
    inbreast.files["98765003.png"] = png(9)
    inbreast.files = {name: data for name, data in inbreast.files.items() if "98765003_" not in name}
    inbreast.files[f"98765004_{HASHES[1]}_MG_L_ML_ANON.dcm"] = dicom(film(8))
    inbreast.files[f"98765009_{HASHES[1]}_MG_L_ML_ANON.dcm"] = dicom(film(7))
    inbreast.write()
    assert inbreast.ingest() == 0
    assert inbreast.refused() == [(3, "missing_image"), (4, "empty_patient"), (5, "ambiguous_file"), (None, "no_row")]
    assert [row["source_row"] for row in inbreast.taken()] == [2, 6]
    assert b"98765" not in inbreast.written()


BAD = {
    "unknown BI-RADS": ("removed;removed;R;CC;201001;98765006;4;0", "unknown_pathology"),
    "no BI-RADS": ("removed;removed;R;CC;201001;98765006;4;", "unknown_pathology"),
    "unknown view": ("removed;removed;R;XCCL;201001;98765006;4;1", "unknown_view"),
    "unknown side": ("removed;removed;B;CC;201001;98765006;4;1", "unknown_laterality"),
    "no file name": ("removed;removed;R;CC;201001;;4;1", "empty_image_name"),
    "file name that is no number": ("removed;removed;R;CC;201001;Smith_98765006;4;1", "malformed_name"),
    "cut off": ("removed;removed;R;CC;201001;98765006", "malformed_row"),
    "a film listed twice": ("removed;removed;L;CC;201001;98765001;4;5", "duplicate_row"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_listed_by_line(case, inbreast, capsys):
    line, reason = BAD[case]
    inbreast.lines.append(line)
    inbreast.write()
    assert inbreast.ingest("--metadata-only", max_rejected_share=0.1) == 1
    assert f"row 7: {reason}" in (error := capsys.readouterr().err)
    assert inbreast.ingest("--metadata-only") == 0
    assert inbreast.refused() == [(7, reason)]
    assert [row["source_row"] for row in inbreast.taken()] == [2, 3, 4, 5, 6]
    told = capsys.readouterr()
    assert "98765" not in error + told.out + told.err
    assert b"98765" not in inbreast.written()


@pytest.mark.parametrize("case", ["unknown BI-RADS", "cut off", "a film listed twice"])
def test_a_forgotten_patient_leaves_no_trace_in_rows_refusals_or_files(case, inbreast):
    inbreast.lines.append(BAD[case][0])
    inbreast.files[f"98765006_{HASHES[0]}_MG_R_CC_ANON.dcm"] = dicom(film(9))
    inbreast.files[f"98765007_{HASHES[0]}_MG_R_CC_ANON.dcm"] = dicom(film(10))
    inbreast.write()
    forget(inbreast.workspace.root, HASHES[0])
    assert inbreast.ingest() == 0
    assert [row["source_row"] for row in inbreast.taken()] == [6]
    assert inbreast.refused() == []
    cells = named_in_outputs(inbreast.workspace.root)
    assert HASHES[0] not in cells
    assert "98765001" not in cells
    assert "98765006" not in cells


def test_a_setting_gives_the_labels_and_other_bags_and_no_table_are_refused(inbreast, capsys):
    inbreast.lines.append("removed;removed;L;CC;201001;98765005;4;0")
    inbreast.lines.remove("removed;removed;R;FB;201001;98765005;1;3")
    inbreast.write()
    bi_rads = {"0": "incomplete", **dict.fromkeys(["1", "2", "3"], "normal"), **dict.fromkeys(["4c", "5"], "malignant")}
    assert inbreast.ingest("--metadata-only", inbreast={"bi_rads": bi_rads}) == 0
    assert [row["labels"]["pathology"] for row in inbreast.taken()] == [
        "normal",
        "malignant",
        "normal",
        "malignant",
        "incomplete",
    ]
    assert inbreast.ingest(bags={"by": "study"}) == 1
    assert "set ingest.bags.by to image, breast or patient" in capsys.readouterr().err
    (inbreast.folder / "INbreast.csv").write_text(HEADER)
    assert inbreast.ingest() == 1
    assert "has a header and no rows" in capsys.readouterr().err
    (inbreast.folder / "INbreast.csv").unlink()
    assert inbreast.ingest() == 1
    assert "holds no INbreast.csv" in capsys.readouterr().err
