"""The COVID-19 Image Data Collection: what metadata.csv says of each image, and what of it must stay behind."""

import pytest
from named_archive import KEY, NamedArchive

from medhash.archives.readers.covid_chestxray import findings

HEADER = "kind,patientid,offset,sex,age,finding,view,modality,date,location,folder,filename,url,clinical_notes"
LINES = [
    'x,98765431,0,F,95,"COVID-19, ARDS",PA,X-ray,May,98765439,images,98765431-a.png,98765439,"98765439\nof two lines"',
    "x,98765431,3,F,95,Pneumonia/Viral/COVID-19,AP Supine,X-ray,May,98765439,images,98765431-b.png,98765439,98765439",
    "x,98765431,3,F,95,COVID-19,L,X-ray,May,98765439,images,98765431-c.png,98765439,98765439",
    "x,98765432,,M,x,No Finding,Axial,CT,May,98765439,images,98765432-a.png,98765439,98765439",
    "x,98765432,,M,40,todo,AP,X-ray,May,98765439,images,98765432-b.png,98765439,98765439",
    "x,98765432,,M,40,COVID-19,Axial,CT,May,98765439,volumes,98765432.nii.gz,98765439,98765439",
]
"""Lines 2 (and 3) to 8."""


class Covid(NamedArchive):
    def __init__(self, root):
        super().__init__(
            root,
            "covid_chestxray",
            [f"images/{name}.png" for name in ("98765431-a", "98765431-b", "98765431-c", "98765432-a", "98765432-b")],
        )
        self.header, self.lines = HEADER, list(LINES)

    def write(self, tar="", flat=False):
        super().write()
        (self.folder / "metadata.csv").write_text("\n".join([self.header, *self.lines]) + "\n")


@pytest.fixture
def archive(tmp_path, monkeypatch) -> Covid:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return Covid(tmp_path)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("COVID-19, ARDS", ["COVID-19", "ARDS"]),
        ("Pneumonia/Viral/COVID-19", ["COVID-19"]),
        ("todo", []),
        ("Unknown", []),
        ("", []),
        ("Pneumonia", ["Pneumonia"]),
        ("COVID-19, COVID-19", ["COVID-19"]),
        ("No Finding", ["No Finding"]),
    ],
)
def test_findings_are_told_one_by_one(text, labels):
    assert findings(text) == labels


def test_a_line_becomes_a_radiograph_or_a_slice_and_nothing_else_of_it_leaves(archive, capsys):
    archive.write()
    assert archive.ingest() == 0
    assert [
        (
            row["source_row"],
            row["modality"],
            row["organ"],
            row["view"],
            row["sex"],
            row["age"],
            row["labels"].get("pathology", []),
        )
        for row in archive.taken()
    ] == [
        (2, "xray", "chest", "PA", "F", 90, ["COVID-19", "ARDS"]),
        (4, "xray", "chest", "AP", "F", 90, ["COVID-19"]),
        (6, "ct", "chest", None, "M", None, ["No Finding"]),
        (7, "xray", "chest", "AP", "M", 40, []),
    ]
    assert archive.refused() == []
    output = capsys.readouterr()
    assert "1 NIfTI volumes are left out\n1 lateral views are left out\n" in output.out
    assert "9876" not in output.out + output.err
    assert archive.mentions("98765439") == [], "place, address and notes are read nowhere"
    assert set(archive.mentions("9876543")) <= {"sources.parquet", "files.sqlite"}, "which are private"
    assert archive.ingest(covid_chestxray={"lateral": True}) == 0
    assert [row["view"] for row in archive.taken()] == ["PA", "AP", "LATERAL", None, "AP"]


@pytest.mark.parametrize(
    ("by", "bags"), [("image", [[2], [4], [6], [7]]), ("study", [[2], [4], [6], [7]]), ("patient", [[2, 4], [6, 7]])]
)
def test_a_study_is_a_patients_day_and_without_a_day_an_image(by, bags, archive):
    archive.write()
    assert archive.ingest(by=by) == 0
    assert archive.bags() == bags


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x,98765438,0,F,50,a note of 98765438,PA,X-ray,,,images,98765438.png,,", "unknown_finding"),
        ("x,98765438,0,F,50,COVID-19,PA,photo,,,images,98765438.png,,", "unknown_modality"),
        ("x,,0,F,50,COVID-19,PA,X-ray,,,images,98765438.png,,", "empty_patient"),
        ("x,98765438,0,F,50,COVID-19,PA,X-ray,,,images,,,", "empty_image_name"),
        ("x,98765438,0,F,50,COVID-19,PA,X-ray,,,images,98765431-a.png,,", "duplicate_row"),
        ("x,98765438,0,98765438.png", "malformed_row"),
        ("x,98765438,0,F,50,COVID-19,PA,X-ray,,,images,98765437.png,,", "missing_image"),
    ],
)
def test_a_bad_line_is_refused_by_its_number_and_not_told(line, reason, archive, capsys):
    archive.lines.append(line)
    if ",98765438.png" in line:
        archive.files["images/98765438.png"] = archive.files["images/98765431-c.png"]
    archive.write()
    assert archive.ingest(max_rejected_share=0.0) == 1
    assert f"row 9: {reason}" in (error := capsys.readouterr().err)
    assert "9876" not in error
    assert archive.ingest() == 0
    assert archive.refused() == [(9, reason)]


def test_a_table_that_is_not_there_and_a_column_that_is_not_are_named(archive, capsys):
    archive.header = HEADER.replace("finding", "findings")
    archive.write()
    assert archive.ingest() == 1
    assert "column 'finding' is missing; the nearest name found is 'findings'" in capsys.readouterr().err
    (archive.folder / "metadata.csv").unlink()
    assert archive.ingest() == 1
    assert "holds no metadata.csv" in capsys.readouterr().err
