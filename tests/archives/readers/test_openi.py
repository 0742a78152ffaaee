"""Open-i: reports and images in the published layouts, chosen by rules, joined with what headers say."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from openi_archive import DICOM_FOLDER, FIRST, KEY, PNG_FOLDER, PNG_TAR, REPORTS_TAR, OpeniArchive, dicom, png, xml

from medhash.archives.pseudonyms import pseudonyms
from medhash.archives.readers.openi import headings, image_files, read_entries
from medhash.core.params.ingest import IngestParams, OpeniParams


@pytest.fixture
def archive(tmp_path, monkeypatch) -> OpeniArchive:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return OpeniArchive(tmp_path)


@pytest.mark.parametrize(
    ("rule", "major", "automatic", "expected"),
    [
        (
            "main-heading",
            ["Opacity/lung/base/left", "OPACITY/lung/apex", "Catheters, Indwelling/right"],
            ["nodule"],
            ["opacity", "catheters, indwelling"],
        ),
        (
            "main-heading",
            ["Lung/hyperdistention/mild", "Lung / Hypoinflation ", "Lung/hyperlucent", "Lung"],
            [],
            ["lung hyperdistention", "lung hypoinflation", "lung"],
        ),
        (
            "exact",
            ["Lung/hyperdistention/mild", "Lung/hypoinflation", "Opacity/lung", "Normal "],
            ["nodule"],
            ["lung/hyperdistention/mild", "lung hypoinflation", "opacity/lung", "normal"],
        ),
        ("single-major", ["Cardiomegaly/mild"], ["nodule"], ["cardiomegaly"]),
        ("single-major", ["Cardiomegaly/mild", "Cardiomegaly"], [], []),
        ("major-or-automatic", ["Opacity/lung"], ["Nodule", "opacity"], ["opacity", "nodule"]),
        ("major-or-automatic", [], [], []),
        ("main-heading", ["/lung", " ", "Opacity"], [], ["opacity"]),
    ],
)
def test_the_rule_makes_headings_of_mesh_terms(rule, major, automatic, expected):
    assert headings(major, automatic, OpeniParams(mesh=rule)) == expected


def test_a_row_is_a_frontal_image_with_its_reports_headings_and_its_headers_values(archive, capsys):
    archive.write()
    assert archive.ingest(frontal="not-lateral") == 0
    printed = capsys.readouterr().out
    assert "2 images left out by ingest.openi.frontal: not-lateral, 1 reports without an image" in printed
    assert "4 images of 3 patients, decoded 4, reused 0\nrefused 0" in printed  # files of laterals are no strays
    rows = archive.taken()
    assert [
        tuple(row[name] for name in ("source_row", "labels", "view", "pixel_spacing", "burned_in")) for row in rows
    ] == [
        (1001, ["normal"], "PA", 0.15, False),
        (2002, ["lung hyperdistention", "opacity"], "PA", None, False),
        (3001, ["cardiomegaly"], None, None, None),
        (3002, ["cardiomegaly"], "AP", None, None),
    ]
    assert all(
        (row["width"], row["height"], row["modality"], row["organ"]) == (2048, 2500, "xray", "chest") for row in rows
    )
    key = KEY.encode()
    assert rows[0]["image_id"] == pseudonyms(key, "image", [FIRST])[0]
    assert rows[0]["patient_id"] == pseudonyms(key, "patient", ["CXR98765431"])[0]
    assert rows[2]["patient_id"] == rows[3]["patient_id"]
    assert rows[2]["study_id"] == rows[3]["study_id"] != rows[2]["patient_id"]
    assert b"9876543" not in b"".join(archive.output().values())
    assert b"Smith" not in b"".join(archive.output().values())
    private = pq.read_table(archive.workspace.private / "sources.parquet")["source_name"].to_pylist()
    assert FIRST in private


@pytest.mark.parametrize(
    ("frontal", "rows"),
    [
        ("first", [1001, 2001, 3001]),
        ("first-not-lateral", [1001, 3001]),
        ("first-pa-or-ap", [1001]),
        ("pa-or-ap", [1001, 2002, 3002]),
        ("pa", [1001, 2002]),
        ("not-lateral", [1001, 2002, 3001, 3002]),
    ],
)
def test_the_frontal_rule_chooses_images_by_place_and_view(frontal, rows, archive):
    archive.write(images="")
    settings = IngestParams(source="openi", openi=OpeniParams(frontal=frontal))
    assert read_entries(archive.folder, settings).rows.index.tolist() == rows
    (archive.folder / "nlmcxr_tsne_pa.csv").write_text(
        "imageid,tsne-view\nCXR98765432_IM-0001-1001,L\nCXR98765433_IM-0001-1001,PA\n"
    )
    listed = [3001] if frontal == "first-pa-or-ap" else []
    entries = read_entries(archive.folder, settings)
    assert entries.rows.index.tolist() == rows + listed
    assert (len(entries.names), entries.n_rows, entries.rejections) == (6, 6, [])


@pytest.mark.parametrize("reports", ["ecgen-radiology", "."])
@pytest.mark.parametrize("images", [PNG_FOLDER, "images", "."])
def test_tars_and_folders_of_the_same_files_in_any_order_give_the_same_bytes(reports, images, archive):
    archive.write()
    assert archive.ingest() == 0
    expected = archive.output()
    (archive.folder / REPORTS_TAR).unlink()
    (archive.folder / PNG_TAR).unlink()
    archive.write(reports, images)
    assert archive.ingest() == 0
    assert archive.output() == expected
    archive.reports = dict(reversed(archive.reports.items()))
    archive.write()
    assert archive.ingest() == 0
    assert archive.output() == expected


def test_reports_are_numbered_as_numbers_and_only_their_own_place_counts(archive):
    archive.headers = None
    archive.reports = {f"{number}.xml": xml(number, [f"CXR{number}_IM-1-1"], ["normal"]) for number in (10, 9, 100)}
    archive.write(images="")
    rows = read_entries(archive.folder, IngestParams(openi=OpeniParams(frontal="first"))).rows
    assert list(zip(rows.index, rows["patient"], strict=True)) == [(1001, "CXR9"), (2001, "CXR10"), (3001, "CXR100")]


def test_an_image_has_one_name_however_reports_dicom_and_png_files_spell_it(archive):
    archive.reports = {"1.xml": xml(1, ["CXR1_1_IM-0001-3001", "CXR1_IM-0001-4001"], ["normal"])}
    for folder, name in ((PNG_FOLDER, "CXR1_1_IM-0001-3001.png"), ("NLMCXR_dcm/1", "1_IM-0001-3001.dcm")):
        archive.images = {name: png(1)}
        archive.write(images=folder)
        assert [file.name for file in image_files(archive.folder, IngestParams())] == ["CXR1_IM-0001-3001"]
    entries = read_entries(archive.folder, IngestParams(openi=OpeniParams(frontal="first")))
    assert entries.rows["source_name"].tolist() == ["CXR1_IM-0001-3001"]


def test_without_a_label_an_image_has_an_empty_list(archive):
    archive.reports["98765433.xml"] = xml(98765433, ["CXR98765433_IM-0001-1001"])
    archive.write()
    assert archive.ingest("--metadata-only", mesh="single-major", frontal="first") == 0
    assert [row["labels"] for row in archive.taken()] == [["normal"], [], []]


@pytest.mark.parametrize("place", [DICOM_FOLDER, "NLMCXR_dcm.tgz"])
def test_without_a_header_table_views_come_from_dicom_headers(place, archive, capsys):
    archive.headers = None
    archive.images = {
        "98765431_IM-0001-1001.dcm": dicom(
            "PA", PatientSex="F", PatientAge="093Y", PixelSpacing=["0.15", "0.2"], BurnedInAnnotation="YES"
        ),
        "98765432_IM-0001-1001.dcm": dicom("RL"),
        "98765433_IM-0001-1001.dcm": dicom("", PatientAge="004M"),
    }
    archive.write(images=place)
    assert archive.ingest("--metadata-only") == 0
    assert [
        (
            row["source_row"],
            row["view"],
            row["sex"],
            row["age"],
            row["width"],
            row["height"],
            row["pixel_spacing"],
            row["burned_in"],
        )
        for row in archive.taken()
    ] == [(1001, "PA", "F", 90, 8, 4, 0.15, True), (3001, None, None, 0, 8, 4, None, None)]
    assert archive.ingest() == 0
    assert [row["source_row"] for row in archive.taken()] == [1001, 3001]
    pixels = np.load(archive.workspace.pixels)
    assert (pixels.shape, int(pixels[0, 0, 4, 0])) == ((2, 1, 16, 16), 255)  # MONOCHROME1: 0 is white
    archive.images["98765431_IM-0001-1001.dcm"] = archive.images["98765431_IM-0001-1001.dcm"][:200]
    archive.write(images=place)
    assert archive.ingest("--metadata-only") == 0
    assert archive.refused() == [(1001, "damaged")]
    assert [row["source_row"] for row in archive.taken()] == [3001]
    output = capsys.readouterr()
    assert "9876543" not in output.out + output.err
