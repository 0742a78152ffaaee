"""A manifest of images that nobody has labelled, or of which only near duplicates are known, not patients."""

import pytest
from archives.readers.manifest_archive import ManifestArchive
from forgetting import forget
from named_archive import KEY

from medhash.archives.pseudonyms import pseudonyms


@pytest.fixture
def archive(tmp_path, monkeypatch) -> ManifestArchive:
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    archive = ManifestArchive(tmp_path)
    archive.header = "path,patient_id,group_id,labels"
    archive.lines = [
        "a/1.png,98765431,98765432,benign",
        "a/2.png,,98765431,",
        "b/1.png,,98765431,malignant",
        "b/2.png,,,benign",
    ]
    archive.write()
    return archive


def test_a_group_stands_in_for_a_patient_that_is_not_known_and_is_never_the_patient_of_that_number(archive):
    assert archive.ingest(by="patient", manifest={"unlabelled": "keep"}) == 0
    assert archive.bags() == [[2], [3, 4]]
    assert [row["patient_id"] for row in archive.taken()] == pseudonyms(
        KEY.encode(), "patient", ["98765431", "group\x0098765431", "group\x0098765431"]
    )
    assert archive.refused() == [(5, "empty_patient")]
    assert set(archive.mentions("9876543")) <= {"sources.parquet", "files.sqlite"}


def test_an_image_without_labels_is_kept_where_that_is_asked_for(archive, capsys):
    assert archive.ingest() == 0
    assert archive.refused() == [(3, "empty_labels"), (5, "empty_patient")]
    assert archive.ingest(manifest={"unlabelled": "keep"}, max_rejected_share=0.1) == 1
    assert "row 5: empty_patient (patient_id is empty, and so is group_id)" in capsys.readouterr().err
    assert archive.ingest(manifest={"unlabelled": "keep"}) == 0
    assert [row["labels"] for row in archive.taken()] == [{"pathology": ["benign"]}, {}, {"pathology": ["malignant"]}]


def test_a_group_is_forgotten_like_a_patient_even_from_a_line_that_cannot_be_read(archive):
    archive.lines.append("b/1.png,,98765431,malignant,too,many")
    archive.write()
    forget(archive.workspace.root, "group\x0098765431")
    assert archive.ingest() == 0
    assert [row["source_row"] for row in archive.taken()] == [2]
    assert archive.refused() == [(5, "empty_patient")]


@pytest.mark.parametrize("modality", ["ct", "mr", "ultrasound"])
def test_sections_of_the_brain_may_be_said(modality, archive):
    archive.header, archive.lines = "path,patient_id,labels", ["a/1.png,1,benign"]
    archive.write()
    assert archive.ingest(manifest={"modality": modality, "organ": "brain"}) == 0
    assert [(row["modality"], row["organ"]) for row in archive.taken()] == [(modality, "brain")]
