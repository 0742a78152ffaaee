"""Bags: who belongs together is kept under pseudonyms, and what is no case is refused as a whole."""

import numpy as np
import pytest
from ingest.case_archive import KEY, SIZE_PX, CaseArchive, image, png

from components.ingest.ingest import ingest
from medhash.archives.pseudonyms import pseudonyms
from medhash.archives.readers.layouts import reader_of
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams


@pytest.fixture
def cases(tmp_path) -> CaseArchive:
    return CaseArchive(tmp_path)


def test_images_of_a_bag_share_its_pseudonym_and_the_summary_counts_bags(cases, monkeypatch):
    assert "6 images of 3 patients in 3 bags (2 to 2 images), decoded 6" in cases.ingest(monkeypatch)
    rows = {row["source_row"]: row for row in cases.images().to_pylist()}
    (expected,) = pseudonyms(KEY, "bag", ["patient 1"])
    assert [line for line, row in rows.items() if row["bag_id"] == expected] in ([4, 5], [5, 4])
    assert len({row["bag_id"] for row in rows.values()}) == 3
    assert not {row["bag_id"] for row in rows.values()} & {row["patient_id"] for row in rows.values()}
    assert all(row["region"] is None for row in rows.values())
    for path, data in cases.output().items():
        assert b"patient 1" not in data, path


def test_without_bags_every_image_is_its_own_and_the_summary_says_nothing_of_them(cases, monkeypatch):
    for row in cases.rows:
        del row["bag"]
    assert "6 images of 3 patients, decoded 6" in cases.ingest(monkeypatch)
    assert cases.images()["bag_id"].equals(cases.images()["image_id"])


def test_labels_of_several_attributes_stand_side_by_side_and_an_empty_cell_is_no_label(cases, monkeypatch):
    for row, label, subtype in zip(
        cases.rows, ["malignant", "", "a| b", None, "x", "y"], ["DC", "", None, "F|T", "", np.nan], strict=True
    ):
        row |= {"labels": label, "labels:subtype": subtype, "labels:density": "3"}
    cases.ingest(monkeypatch)
    labels = {
        row["source_row"]: [(item["attribute"], item["label"]) for item in row["labels"]]
        for row in cases.images().to_pylist()
    }
    assert labels == {
        2: [("pathology", "malignant"), ("density", "3"), ("subtype", "DC")],
        3: [("density", "3")],
        4: [("pathology", "a"), ("pathology", "b"), ("density", "3")],
        5: [("density", "3"), ("subtype", "F"), ("subtype", "T")],
        6: [("pathology", "x"), ("density", "3")],
        7: [("pathology", "y"), ("density", "3")],
    }


def two_patients(cases):
    cases.rows[3]["patient"] = "patient 0"


def too_large(cases):
    for number in range(3):
        cases.rows.append(cases.rows[2] | {"source_name": f"more{number}.png"})
        cases.files[f"more{number}.png"] = png(image(20 + number))


def nameless(cases):
    cases.rows[2]["bag"], cases.rows[3]["bag"] = "", None


def unreadable(cases):
    cases.files["case2.png"], cases.files["case3.png"] = b"patient 1 went home", cases.files["case3.png"][:-9]


def half_readable(cases):
    cases.files["case2.png"] = b""


@pytest.mark.parametrize(
    ("spoil", "refused", "told"),
    [
        (
            two_patients,
            [
                (4, "bag_of_two_patients", "the bag holds images of 2 patients"),
                (5, "bag_of_two_patients", "the bag holds images of 2 patients"),
            ],
            "; 1 bag was lost whole",
        ),
        (
            too_large,
            [
                (line, "bag_too_large", "the bag holds 5 images or parts of images; ingest.bags.max_size allows 4")
                for line in (4, 5, 8, 9, 10)
            ],
            "; 1 bag was lost whole",
        ),
        (nameless, [(4, "empty_bag", "the row names no bag"), (5, "empty_bag", "the row names no bag")], ""),
        (
            unreadable,
            [
                (4, "not_an_image", "the file is neither PNG, JPEG, PGM nor DICOM"),
                (5, "truncated", "the PNG ends after 4208 bytes, before its end mark"),
            ],
            "; 1 bag was lost whole",
        ),
        (half_readable, [(4, "empty", "the file has no bytes")], ""),
    ],
)
def test_a_bag_that_is_no_case_is_refused_whole_and_a_lost_one_is_counted(spoil, refused, told, cases, monkeypatch):
    spoil(cases)
    said = cases.ingest(monkeypatch, bags={"by": "patient", "max_size": 4})
    if spoil is unreadable:
        refused[1] = (5, "truncated", cases.rejected()[1][2])
    assert cases.rejected() == refused
    (line,) = [line for line in said.splitlines() if line.startswith("refused")]
    assert line.endswith(told) or not told
    assert ("lost whole" in line) == bool(told)
    kept = {row["source_row"] for row in cases.images().to_pylist()}
    assert kept == set(range(2, 2 + len(cases.rows))) - {line for line, _, _ in refused}
    assert len(cases.pixels()) == len(kept)


def test_refused_images_do_not_count_towards_a_bag_s_size(cases, monkeypatch):
    too_large(cases)
    cases.files["more0.png"] = b""
    cases.ingest(monkeypatch, bags={"by": "patient", "max_size": 4})
    assert cases.rejected() == [(8, "empty", "the file has no bytes")]


def test_a_grey_image_among_colours_is_refused_and_the_store_keeps_three_channels(tmp_path, monkeypatch):
    cases = CaseArchive(tmp_path, channels=3)
    cases.files["case2.png"] = png(image(2))
    cases.ingest(monkeypatch)
    assert cases.pixels().shape == (5, 3, SIZE_PX, SIZE_PX)
    assert cases.rejected() == [(4, "mixed_channels", "the file is grey, the archive's other images are in colour")]


def test_where_every_bag_is_lost_the_error_says_so(cases, monkeypatch):
    cases.files = dict.fromkeys(cases.files, b"")
    with pytest.raises(MedhashError, match=r"6 refused against 6 rows.*6 empty; 3 bags were lost whole"):
        cases.ingest(monkeypatch)


@pytest.mark.parametrize(
    ("source", "by", "offered"),
    [
        ("nih", "breast", "image, study or patient"),
        ("openi", "patient", "image or study"),
        ("dicom", "slide", "image, study or patient"),
    ],
)
def test_a_chest_archive_names_the_bags_that_it_can_tell(source, by, offered, tmp_path):
    settings = IngestParams.model_validate({"source": source, "bags": {"by": by}})
    with pytest.raises(MedhashError, match=f"{by} is not supported by the source {source}") as caught:
        reader_of(settings).read_entries(tmp_path, settings)
    assert offered in str(caught.value)


@pytest.mark.parametrize(("by", "n"), [("patient", 3), ("study", 6)])
def test_the_films_of_a_chest_patient_can_be_a_bag(by, n, archive):
    archive.write()
    settings = IngestParams.model_validate({"archive": "hospital", "workers": 1, "bags": {"by": by}})
    said = ingest(archive.workspace, settings, SIZE_PX, KEY)
    assert len(archive.images()["bag_id"].unique()) == n
    assert ("in 3 bags (2 to 2 images)" in said) == (n == 3)


def test_bags_are_indexed_before_their_images_are_there(cases, monkeypatch):
    said = cases.ingest(monkeypatch, metadata_only=True, cut={"into": "grid"})
    assert "6 images of 3 patients in 3 bags (2 to 2 images), metadata only" in said
    assert cases.images()["region"].null_count == 6
    bags = dict(zip(cases.images()["source_row"].to_pylist(), cases.images()["bag_id"].to_pylist(), strict=True))
    assert "withdrawn 0" in cases.ingest(monkeypatch, cut={"into": "grid"})
    assert {(row["source_row"], row["bag_id"]) for row in cases.images().to_pylist()} == set(bags.items())
    with pytest.raises(MedhashError, match="6 bag_too_large"):
        cases.ingest(monkeypatch, metadata_only=True, bags={"by": "patient", "max_size": 1})
