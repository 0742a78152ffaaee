"""Bad lines and bad files of a manifest: a listed refusal within the limit, or one clear error."""

import os

import pytest
from archives.readers.manifest_archive import LINES, ManifestArchive
from named_archive import KEY, coloured


@pytest.fixture
def archive(tmp_path, monkeypatch) -> ManifestArchive:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return ManifestArchive(tmp_path)


REFUSED = {
    "no path": (",98765439,benign", "empty_image_name", "path is empty"),
    "absolute path": ("/etc/98765439,98765439,benign", "malformed_row", "path leaves the archive"),
    "path that climbs out": ("a/../../98765439,98765439,benign", "malformed_row", "path leaves the archive"),
    "path of another system": ("a\\98765439,98765439,benign", "malformed_row", "written with \\ where / belongs"),
    "link out of the archive": ("out/98765439,98765439,benign", "malformed_row", "leads out of the archive by a link"),
    "link to a file outside": ("out.png,98765439,benign", "malformed_row", "leads out of the archive by a link"),
    "path of an earlier line": ("a//./1.png,98765439,benign", "duplicate_row", "row 2 describes the same image"),
    "no patient": ("c.png, ,benign", "empty_patient", "patient_id is empty"),
    "no label": ("c.png,98765439, | ", "empty_labels", "labels is empty"),
    "unknown label": ("c.png,98765439,benign|98765439", "unknown_finding", "ingest.manifest.labels does not list"),
    "label that is spelt otherwise": ("c.png,98765439,Benign", "unknown_finding", "the nearest known one is benign"),
    "fields too many": ("c.png,98765439,benign,98765439", "malformed_row", "4 fields"),
    "no file": ("98765439.png,98765439,benign", "missing_image", ""),
    "folder": ("a,98765439,benign", "missing_image", ""),
    "no image": ("manifest.csv,98765439,benign", "not_an_image", ""),
    "pipe": ("pipe,98765439,benign", "missing_image", ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_line_is_listed_by_number_within_the_limit_and_stops_the_run_beyond_it(case, archive, capsys):
    line, reason, detail = REFUSED[case]
    archive.header = "path,patient_id,labels"
    archive.lines = [*(",".join(line.split(",")[:3]) for line in LINES), line]
    archive.write()
    outside = archive.workspace.root / "outside"
    outside.mkdir()
    (outside / "98765439").write_bytes(coloured(9))
    (archive.folder / "out").symlink_to(outside)
    (archive.folder / "out.png").symlink_to(outside / "98765439")
    os.mkfifo(archive.folder / "pipe")
    assert archive.ingest(max_rejected_share=0.1) == 1
    error = capsys.readouterr().err
    assert "manifest.csv: 1 refused against 5 rows" in error
    assert f"row 6: {reason}" in error
    assert detail in error
    assert archive.ingest() == 0
    assert archive.refused() == [(6, reason)]
    assert [row["source_row"] for row in archive.taken()] == [2, 3, 4, 5]
    output = capsys.readouterr()
    assert "98765439" not in error + output.out + output.err
    assert b"98765439" not in b"".join(archive.output().values())


CELLS = [
    ("view", "PQ", "unknown_view"),
    ("laterality", "left", "unknown_laterality"),
    ("sex", "female", "malformed_row"),
    ("age", "98765439", "malformed_row"),
    ("age", "-1", "malformed_row"),
    ("age", "1e2", "malformed_row"),
    ("official_fold", "train", "malformed_row"),
    ("modality", "photo", "unknown_modality"),
    ("organ", "98765439", "malformed_row"),
    ("width", "0", "malformed_row"),
    ("height", "2.5", "malformed_row"),
    ("pixel_spacing", "nan", "malformed_row"),
    ("pixel_spacing", "0.0", "malformed_row"),
]


@pytest.mark.parametrize(("column", "cell", "reason"), CELLS)
def test_a_cell_that_its_column_does_not_hold_refuses_the_line_and_is_not_told(column, cell, reason, archive, capsys):
    archive.header = f"path,patient_id,labels,{column}"
    archive.lines = ["a/1.png,1,benign,", f"b/1.png,2,benign,{cell}"]
    archive.write()
    assert archive.ingest(max_rejected_share=0.1) == 1
    assert f"row 3: {reason} ({column} is" in (error := capsys.readouterr().err)
    assert archive.ingest() == 0
    assert archive.refused() == [(3, reason)]
    assert "98765439" not in error


@pytest.mark.parametrize(
    ("by", "column"), [("table", "bag_id"), ("study", "study_id"), ("slide", "slide_id"), ("breast", "laterality")]
)
def test_a_bag_that_is_not_named_refuses_the_line_and_a_column_that_is_not_there_stops_the_run(
    by, column, archive, capsys
):
    archive.header = f"path,patient_id,labels,{column}"
    archive.lines = ["a/1.png,1,benign,L", "b/1.png,2,benign,"]
    archive.write()
    assert archive.ingest(by=by) == 0
    assert archive.refused() == [(3, "empty_bag")]
    archive.header, archive.lines = "path,patient_id,labels", ["a/1.png,1,benign"]
    archive.write()
    assert archive.ingest(by=by) == 1
    assert f"column '{column}' is missing, by which ingest.bags.by" in capsys.readouterr().err


STOPPED = {
    "no header": ("a/1.png,98765439,benign\n", "column 'path' is missing", "must be among them"),
    "empty file": ("", "column 'path' is missing", ""),
    "no rows": ("path,patient_id,labels\n\n", "has a header and no rows", "give each image its line"),
    "column of another name": (
        "path,patient,labels\na/1.png,98765439,benign\n",
        "column 'patient_id' is missing; the nearest name found is 'patient'",
        "",
    ),
    "unknown column": (
        "path,patient_id,labels,patient_name\na/1.png,98765439,benign,98765439\n",
        "unknown column 'patient_name'",
        "take it out, as it might name a person",
    ),
    "column twice": ("path,patient_id,labels,path\na/1.png,98765439,benign,x\n", "'path' occurs twice", ""),
    "open quote": ('path,patient_id,labels\na/1.png,98765439,"benign\n', "line 2: not readable as CSV text", "quote"),
    "zero byte": ("path,patient_id,labels\na/1.png,98765439\0,benign\n", "line 2: not readable as CSV text", ""),
    "no text": (b"path,patient_id,labels\n\xff98765439,1,benign\n", "as CSV text (UnicodeDecodeError)", ""),
    "semicolons": ("path;patient_id;labels\na/1.png;98765439;benign\n", "column 'path' is missing", "commas"),
    "enormous cell": ("path,patient_id,labels\n" + "9" * 200_000 + ",98765439,benign\n", "not readable as CSV", ""),
}


@pytest.mark.parametrize("case", STOPPED)
def test_a_file_that_cannot_be_read_stops_the_run_and_nothing_is_lost(case, archive, capsys):
    text, problem, fix = STOPPED[case]
    archive.write()
    assert archive.ingest() == 0
    good = archive.output()
    (archive.folder / "manifest.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert archive.ingest(max_rejected_share=1.0) == 1
    error = capsys.readouterr().err
    assert problem in error
    assert fix in error
    assert "9876543" not in error
    assert archive.output() == good
