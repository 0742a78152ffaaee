"""Broken reports and tables of Open-i: a listed refusal within the limit, or one clear error."""

import gzip

import pyarrow.parquet as pq
import pytest
from openi_archive import FIRST, HEADER, KEY, PNG_FOLDER, REPORTS_TAR, OpeniArchive, png, xml

TABLE = "nlmcxr_dicom_metadata.csv"


@pytest.fixture
def archive(tmp_path, monkeypatch) -> OpeniArchive:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return OpeniArchive(tmp_path)


BOMB = (
    "<!DOCTYPE x [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY {name} '{f'&{before};' * 10}'>" for before, name in zip("abcdefghi", "bcdefghij", strict=True))
    + "]>"
)
IMAGE = FIRST.replace("431_", "435_")
REFUSED = {
    "entity bomb": (xml("&j;", [IMAGE], before=BOMB), (5000, "unsafe_report")),
    "document type": (xml(5, [IMAGE], before="<!DOCTYPE x SYSTEM 'file:///etc/passwd'>"), (5000, "unsafe_report")),
    "external entity": (
        xml(5, ["&a;"], before="<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"),
        (5000, "unsafe_report"),
    ),
    "cut off": (xml(5, [IMAGE])[:-4], (5000, "malformed_report")),
    "no bytes": (b"", (5000, "malformed_report")),
    "no XML": (b"98765435 went home", (5000, "malformed_report")),
    "unknown encoding": (xml(5, [IMAGE]).replace(b"utf-8", b"98765435"), (5000, "malformed_report")),
    "another document": (xml(5, [IMAGE], root="html"), (5000, "malformed_report")),
    "separator in a term": (xml(5, [IMAGE], ["normal|nodule"]), (5000, "malformed_report")),
    "a thousand images": (xml(5, [IMAGE] * 1000), (5000, "malformed_report")),
    "enormous report": (xml(5, [IMAGE]) + b" " * (1 << 20), (5000, "too_large")),
    "no id": (xml(5, [IMAGE], report_id=" "), (5000, "empty_patient")),
    "id of an earlier report": (xml(98765431, [IMAGE], report_id="CXR98765431"), (5000, "duplicate_report")),
    "image without an id": (xml(5, [""]), (5001, "empty_image_name")),
    "image of an earlier report": (xml(5, [FIRST]), (5001, "duplicate_row")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_report_is_listed_by_number_within_the_limit_and_stops_the_run_beyond_it(case, archive, capsys):
    archive.reports["98765435.xml"], refused = REFUSED[case]
    archive.write(images="")
    assert archive.ingest("--metadata-only", max_rejected_share=0.1) == 1  # 1 of 7
    error = capsys.readouterr().err
    assert "NLMCXR_reports.tgz (row = 1000 × report + image): 1 refused against 7 rows" in error
    assert f"row {refused[0]}: {refused[1]}" in error
    assert archive.ingest("--metadata-only", max_rejected_share=0.2) == 0
    assert archive.refused() == [refused]
    assert [row["source_row"] for row in archive.taken()] == [1001, 3001]
    output = capsys.readouterr()
    assert "9876543" not in error + output.out + output.err
    assert b"9876543" not in b"".join(archive.output().values())
    private = pq.read_table(archive.workspace.private / "sources.parquet").to_pylist()
    found = next(row["value"] for row in private if row["reason"] == refused[1])
    assert found == ("98765435.xml" if refused[0] == 5000 else "")


def test_a_report_that_cannot_be_read_leaves_its_files_without_a_row(archive):
    archive.reports["98765433.xml"] = b"no XML"
    archive.write()
    assert archive.ingest(max_rejected_share=1.0) == 0
    assert archive.refused() == [(3000, "malformed_report"), (None, "no_row"), (None, "no_row")]


def test_missing_and_broken_images_are_refused_by_the_row_of_their_report(archive):
    archive.images[f"{FIRST}.png"] = b"no image"
    del archive.images["CXR98765433_IM-0001-1001.png"]
    archive.write()
    assert archive.ingest(frontal="not-lateral", max_rejected_share=0.4) == 0
    assert archive.refused() == [(1001, "not_an_image"), (3001, "missing_image")]


def _without(suffix):
    def spoil(archive):
        for path in archive.folder.glob(f"*{suffix}"):
            path.unlink()

    return spoil


def _table(text, name=TABLE):
    def spoil(archive):
        (archive.folder / TABLE).unlink()
        (archive.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return spoil


def _cut(archive):
    path = archive.folder / REPORTS_TAR
    path.write_bytes(path.read_bytes()[:-400])


def _evil(archive):
    archive.reports["../98765435.xml"] = b"x"
    archive.write()


def _emptied(archive):
    archive.reports, archive.images = {}, {}
    archive.write()


def _lateral(archive):
    archive.headers = [f"{line.rpartition(',')[0]},LL" for line in archive.headers]
    archive.write()


STOPPED = {
    "empty tars": (
        _emptied,
        "NLMCXR_reports.tgz (row = 1000 × report + image): there is no row to take",
        "see that ingest.archive holds the whole archive",
        "the last good tables are untouched",
    ),
    "lateral images alone": (_lateral, "there is no row to take", "ingest.openi.frontal may leave out every image"),
    "no reports": (_without("reports.tgz"), "holds neither NLMCXR_reports.tgz nor ecgen-radiology"),
    "no images": (_without("png.tgz"), "holds no NLMCXR_png.tgz", "--metadata-only"),
    "no views": (
        _without(TABLE),
        "ingest.openi.frontal: first-not-lateral needs the images' views",
        "put " + TABLE,
        "set ingest.openi.frontal to first",
    ),
    "no column of views": (_table(f"imageid,Rows\n{FIRST},5\n"), f"{TABLE}: column 'View Position' is missing"),
    "no rows, no header": (_table(""), f"{TABLE}: column 'imageid' is missing"),
    "table that is no gzip": (_table("imageid,View Position\n", TABLE + ".gz"), f"{TABLE}.gz, line 1: "),
    "table that was cut off": (
        _table(gzip.compress(HEADER.encode() * 99)[:-9], TABLE + ".gz"),
        f"{TABLE}.gz, line 1: not readable as CSV text",
    ),
    "table that is no text": (
        _table(b"imageid,View Position\n\xff98765431,PA\n"),
        f"{TABLE}, line 1: not readable as CSV text",
    ),
    "row that is too long": (
        _table("imageid,View Position\nx,PA\n98765431,PA,LL\n"),
        f"{TABLE}, line 3: 3 fields, the header has 2",
    ),
    "row that is too short": (_table("imageid,View Position\n98765431\n"), f"{TABLE}, line 2: 1 fields, the header"),
    "image twice in the table": (
        _table(f"imageid,View Position\n{FIRST},PA\nx,PA\n{FIRST},LL\n"),
        f"{TABLE}, line 4: an earlier line describes the same image",
    ),
    "tar of reports that was cut off": (_cut, f"{REPORTS_TAR} is damaged"),
    "report that climbs out of the tar": (_evil, f"{REPORTS_TAR}: member 5 has a path that leaves the archive"),
}


@pytest.mark.parametrize("case", STOPPED)
def test_an_archive_that_cannot_be_read_stops_the_run_and_nothing_is_lost(case, archive, capsys):
    spoil, *messages = STOPPED[case]
    archive.write()
    assert archive.ingest() == 0
    good = archive.output()
    spoil(archive)
    assert archive.ingest(max_rejected_share=1.0) == 1
    error = capsys.readouterr().err
    assert "fix:" in error
    for message in messages:
        assert message in error
    assert "9876543" not in error
    assert archive.output() == good


def test_without_views_the_first_images_can_be_taken(archive):
    archive.headers = None
    archive.write()
    assert archive.ingest(frontal="first") == 0
    assert [(row["source_row"], row["view"], row["width"]) for row in archive.taken()] == [
        (1001, None, 24),
        (2001, None, 24),
        (3001, None, 24),
    ]


def test_files_beside_the_archives_that_no_report_knows_are_listed(archive):
    archive.write()
    (archive.folder / PNG_FOLDER).mkdir()
    (archive.folder / PNG_FOLDER / "CXR98765439_IM-0001-1001.png").write_bytes(png(9))
    assert archive.ingest() == 0
    assert archive.refused() == [(None, "no_row")]
