"""A hospital's folder of DICOM files with a CSV of labels, through the whole stage."""

import io
import tarfile

import numpy as np
import pyarrow.parquet as pq
import pytest
from dicom_files import J2K, LS, dicom
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from components.ingest.__main__ import main
from components.quality.gate import check_stage
from medhash.archives.pseudonyms import pseudonyms
from medhash.core.contracts import IMAGES, REJECTED, read_table
from medhash.core.params import load_params
from medhash.core.workspace import Workspace

KEY = "a key of the tests, not of a hospital"


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4096, (24, 20)).astype(np.uint16)


class Hospital:
    """Files and CSV lines that a test may spoil; four images in rows 1 to 4, of the patients M1, M1, M2, M3."""

    def __init__(self, root):
        self.workspace = Workspace(root)
        self.folder = root / "hospital"
        self.files: dict[str, bytes] = {}
        self.lines = ["uid,labels,remark"]
        self.dicom = "labels: labels.csv, key: sop_instance_uid, key_column: uid"
        self.add(
            "a/one.dcm",
            0,
            PatientID="M1",
            BodyPartExamined="CHEST",
            ViewPosition="PA",
            PatientSex="F",
            PatientAge="045Y",
            PixelSpacing=[0.2, 0.1],
            BurnedInAnnotation="NO",
        )
        self.add(
            "a/two.dcm",
            1,
            J2K,
            labels="Mass|Effusion",
            PatientID="M1",
            Modality="CR",
            BodyPartExamined="KNEE",
            ViewPosition="LL",
            PatientAge="093Y",
            ImagerPixelSpacing=[0.3, 0.4],
        )
        self.add(
            "b/three",
            2,
            LS,
            PatientID="M2",
            Modality="MG",
            ImageLaterality="L",
            ViewPosition="MLO",
            PatientAge="011M",
            PatientSex="O",
        )
        self.add(
            "c/1.2.840.4",
            3,
            RLELossless,
            PatientID="M3",
            BodyPartExamined="ZEPPELIN",
            ViewPosition="LLD",
            Laterality="B",
            PatientAge="62",
        )

    def add(self, name, number, syntax=None, labels="No Finding", **elements):
        options = {
            "SOPInstanceUID": f"1.9.{number}",
            "StudyInstanceUID": f"1.8.{number}",
            "AccessionNumber": f"A{number}",
        }
        self.files[name] = dicom(picture(number), *([syntax] if syntax else []), bits=12, **options | elements)
        self.lines.append(f"1.9.{number},{labels},x")

    def write(self):
        self.folder.mkdir(exist_ok=True)
        for name, data in self.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (self.folder / "labels.csv").write_text("\n".join(self.lines) + "\n")

    def ingest(self, max_rejected_share=0.9, *options):
        self.write()
        (self.workspace.root / "params.yaml").write_text(
            f"methods: [lsh]\nsize_px: 16\ningest: {{source: dicom, archive: hospital, workers: 1, "
            f"max_image_pixels: 1000, max_rejected_share: {max_rejected_share}, dicom: {{{self.dicom}}}}}\n"
        )
        return main(["--root", str(self.workspace.root), *options])

    def rows(self):
        rows = read_table(self.workspace.images, IMAGES).to_pylist()
        return {row["source_row"]: row for row in sorted(rows, key=lambda row: row["source_row"])}

    def rejected(self):
        table = read_table(self.workspace.rejected, REJECTED).to_pylist()
        return [(row["source_row"], row["reason"]) for row in table]


@pytest.fixture
def hospital(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", KEY)
    return Hospital(tmp_path)


def test_headers_become_rows_in_the_contracts_words_and_labels_are_joined(hospital, capsys):
    hospital.files["notes.txt"] = b"x"
    hospital.files["README"] = b"no DICOM"
    hospital.files["DICOMDIR"] = hospital.files["b/three"]
    hospital.files[".hidden.dcm"] = b""
    assert hospital.ingest() == 0
    assert "4 images of 3 patients, decoded 4, reused 0\nrefused 0" in capsys.readouterr().out
    columns = ("modality", "organ", "view", "laterality", "sex", "age", "width", "height", "pixel_spacing", "burned_in")
    rows = hospital.rows()
    assert {number: tuple(row[name] for name in columns) for number, row in rows.items()} == {
        1: ("xray", "chest", "PA", None, "F", 45, 20, 24, 0.1, False),
        2: ("xray", "leg", "LATERAL", None, None, 90, 20, 24, 0.4, None),
        3: ("mammography", "breast", "MLO", "L", None, 0, 20, 24, None, None),
        4: ("xray", "unknown", None, None, None, 62, 20, 24, None, None),
    }
    assert [label["label"] for label in rows[2]["labels"]] == ["Mass", "Effusion"]
    assert rows[1]["patient_id"] == rows[2]["patient_id"] == pseudonyms(KEY.encode(), "patient", ["M1"])[0]
    assert rows[1]["study_id"] == pseudonyms(KEY.encode(), "study", ["1.8.0"])[0]
    assert rows[1]["image_id"] == pseudonyms(KEY.encode(), "image", ["a/one.dcm"])[0]
    stored = np.load(hospital.workspace.pixels)[rows[1]["pixel_row"], 0]
    assert stored[:, 1:14].any(axis=0).all()  # 20 × 24 px between bands
    assert not stored[:, 0].any()
    report, _ = check_stage("ingest", hospital.workspace, load_params(hospital.workspace.root / "params.yaml"))
    assert report.success


def test_a_second_run_decodes_nothing_and_tars_give_the_pixels_of_folders(hospital, capsys):
    hospital.ingest()
    first = {row["sha256"]: row for row in hospital.rows().values()}
    assert hospital.ingest() == 0
    assert "decoded 0, reused 4" in capsys.readouterr().out
    for name in hospital.files:
        (hospital.folder / name).unlink()
    with tarfile.open(hospital.folder / "b.tar.gz", "w:gz") as tar:
        for name, data in hospital.files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    hospital.files = {}
    assert hospital.ingest() == 0
    assert "4 images of 3 patients, decoded 0, reused 4" in capsys.readouterr().out
    for row in hospital.rows().values():
        other = first[row["sha256"]]
        names = set(row) - {"image_id", "bag_id", "pixel_row"}
        assert {name: row[name] for name in names} == {name: other[name] for name in names}
    names = pq.read_table(hospital.workspace.private / "sources.parquet")["source_name"].to_pylist()
    assert names[0] == "b.tar.gz/a/one.dcm"


def test_labels_can_be_joined_by_accession_number_which_several_images_may_share(hospital):
    hospital.dicom = "key: accession_number, key_column: accession, labels_column: findings"
    hospital.files["a/two.dcm"] = dicom(picture(1), PatientID="M1", SOPInstanceUID="1.9.1", AccessionNumber="A0")
    hospital.lines = ["findings,accession", "Mass,A0", "Nodule,A2", "Hernia,A3"]
    assert hospital.ingest() == 0
    assert [[label["label"] for label in row["labels"]] for row in hospital.rows().values()] == [
        ["Mass"],
        ["Mass"],
        ["Nodule"],
        ["Hernia"],
    ]


def test_a_header_longer_than_what_is_read_first_and_a_deflated_one_are_read_whole(hospital, monkeypatch):
    from medhash.archives.readers import dicom_rows

    monkeypatch.setattr(dicom_rows, "_HEAD_BYTES", 300)
    hospital.add("d.dcm", 9, DeflatedExplicitVRLittleEndian, PatientID="M9")
    assert hospital.ingest() == 0
    assert len(hospital.rows()) == 5


def _refile(name, number, **elements):
    return lambda h: h.files.update(
        {name: dicom(picture(number), bits=12, **{"SOPInstanceUID": f"1.9.{number}", "PatientID": "M1"} | elements)}
    )


def _line(number, old, new):
    def spoil(h):
        assert old in h.lines[number]
        h.lines[number] = h.lines[number].replace(old, new)

    return spoil


def _cut(h):
    h.files["a/one.dcm"] = h.files["a/one.dcm"][:-50]


REFUSED = {
    "no patient": (_refile("a/one.dcm", 0, PatientID=""), [(1, "empty_patient")]),
    "CT": (_refile("a/one.dcm", 0, Modality="CT"), [(1, "unknown_modality")]),
    "no UID": (_refile("a/one.dcm", 0, SOPInstanceUID=""), [(None, "missing_image"), (1, "empty_key")]),
    "no row": (lambda h: h.lines.pop(1), [(1, "no_row")]),
    "no file": (lambda h: h.lines.append("1.9.77,Mass,x"), [(None, "missing_image")]),
    "repeated row": (lambda h: h.lines.append(h.lines[1]), [(None, "duplicate_row")]),
    "contradicting rows": (lambda h: h.lines.append("1.9.0,Mass,x"), [(1, "contradicting_labels")]),
    "short row": (lambda h: h.lines.append("1.9.0,Mass"), [(None, "malformed_row")]),
    "row without key": (lambda h: h.lines.append(",Mass,x"), [(None, "empty_key")]),
    "unknown label": (_line(1, "No Finding", "Efusion"), [(1, "unknown_finding")]),
    "no label": (_line(1, "No Finding", ""), [(1, "empty_labels")]),
    "same UID": (_refile("b/four.dcm", 0), [(3, "duplicate_instance")]),
    "same bytes": (lambda h: h.files.update({"b/four.dcm": h.files["a/one.dcm"]}), [(3, "duplicate_instance")]),
    "no DICOM": (lambda h: h.files.update({"a/one.dcm": b"Poe"}), [(None, "missing_image"), (1, "not_an_image")]),
    "no bytes": (lambda h: h.files.update({"a/one.dcm": b""}), [(None, "missing_image"), (1, "empty")]),
    "cut off": (_cut, [(1, "truncated")]),
    "two frames": (_refile("a/one.dcm", 0, NumberOfFrames=2), [(1, "multi_frame")]),
    "enormous": (lambda h: h.files.update({"a/one.dcm": bytes(8001)}), [(None, "missing_image"), (1, "too_large")]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_file_or_row_is_refused_in_a_word_of_its_own(case, hospital, capsys):
    spoil, refused = REFUSED[case]
    spoil(hospital)
    assert hospital.ingest(0.1) == 1
    error = capsys.readouterr().err
    assert refused[-1][1] in error
    assert hospital.ingest() == 0
    assert sorted(hospital.rejected(), key=lambda row: (row[0] or 0, row[1])) == refused
    assert not any(value in error for value in ("1.9.", "M1", "one.dcm", "Poe"))


def test_a_refused_line_of_the_labels_is_named_by_its_number(hospital, capsys):
    hospital.lines.append(hospital.lines[1])
    assert hospital.ingest(0.0) == 1
    assert "duplicate_row (line 6 of labels.csv" in capsys.readouterr().err


def test_images_of_two_patients_under_one_accession_number_are_all_refused(hospital):
    hospital.dicom = "key: accession_number, key_column: accession"
    hospital.files["b/three"] = dicom(picture(2), PatientID="M2", SOPInstanceUID="1.9.2", AccessionNumber="A0")
    hospital.lines = ["labels,accession", "Mass,A0", "Nodule,A1", "Hernia,A3"]
    assert hospital.ingest() == 0
    assert hospital.rejected() == [(1, "shared_key"), (3, "shared_key")]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda h: h.lines.__setitem__(0, "uid,label,remark"),
            "column 'labels' is missing; the nearest name found is 'label'",
        ),
        (lambda h: h.lines.__setitem__(0, "uid,labels,uid"), "column 'uid' occurs twice"),
        (lambda h: h.lines.__setitem__(slice(1, None), []), "has a header and no row"),
        (lambda h: setattr(h, "dicom", "labels: other.csv"), "other.csv does not exist"),
        (lambda h: h.files.clear(), "holds no DICOM file"),
    ],
)
def test_without_files_or_a_usable_table_of_labels_the_run_stops(spoil, message, hospital, capsys):
    spoil(hospital)
    assert hospital.ingest() == 1
    assert message in capsys.readouterr().err


def test_an_image_that_says_that_writing_is_burnt_in_stops_at_the_gate_by_its_row(hospital):
    hospital.add("d.dcm", 9, PatientID="M9", BodyPartExamined="CHEST", BurnedInAnnotation="YES")
    assert hospital.ingest() == 0
    params = load_params(hospital.workspace.root / "params.yaml")
    report, _ = check_stage("ingest", hospital.workspace, params)
    failed = [check for check in report.checks if not check.success]
    assert ["burnt into the pixels" in check.expectation for check in failed] == [True]
    assert (failed[0].observed, failed[0].offending) == ("1 of 5 rows not so", ["line 5"])
    lenient = params.model_copy(update={"quality": params.quality.model_copy(update={"max_burned_in_share": 0.2})})
    assert check_stage("ingest", hospital.workspace, lenient)[0].success
