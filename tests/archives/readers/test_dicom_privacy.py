"""No identifying value of a DICOM file, of its name or of its row of labels leaves ingest, whatever goes wrong."""

import numpy as np
import pytest
from dicom_files import LS, dicom
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from components.ingest.__main__ import main
from components.quality.gate import check_stage
from medhash.core.params import load_params
from medhash.core.workspace import Workspace

MARK = "ZZMARKZZ"
UID = "1.2.7777777.6"
TEXTS = (
    "PatientName",
    "PatientID",
    "OtherPatientNames",
    "AccessionNumber",
    "InstitutionName",
    "InstitutionAddress",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "OperatorsName",
    "PatientAddress",
    "PatientComments",
    "ImageComments",
    "StudyDescription",
    "SeriesDescription",
    "StationName",
    "StudyID",
    "RequestingPhysician",
    "DeviceSerialNumber",
    "ProtocolName",
    "PatientMotherBirthName",
    "SpecificCharacterSet",
)
ODD = (
    "PatientBirthDate",
    "StudyDate",
    "StudyTime",
    "PatientSex",
    "PatientAge",
    "BodyPartExamined",
    "ViewPosition",
    "ImageLaterality",
    "BurnedInAnnotation",
)
"""Elements whose values have a form that a name breaks."""


def marked(seed: int, syntax=ExplicitVRLittleEndian, **elements) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 4096, (24, 20)).astype(np.uint16)
    values = dict.fromkeys((*TEXTS, *ODD), MARK)
    data = dicom(
        pixels,
        syntax,
        bits=12,
        **{"SOPInstanceUID": f"{UID}.{seed}", "StudyInstanceUID": f"{UID}.9"} | values | elements,
    )
    # a private element and one of an unknown kind, beside what pydicom writes, before the group 0028
    if syntax == ExplicitVRLittleEndian:
        private = b"\x09\x00\x10\x00LO\x08\x00" + MARK.encode() + b"\x09\x00\x01\x10XX\x08\x00" + MARK.encode()
        data = data.replace(b"\x10\x00\x10\x00PN", private + b"\x10\x00\x10\x00PN", 1)
    return data


CASES = {
    "taken": ([marked(0), marked(1, ImplicitVRLittleEndian), marked(2, LS)], 0),
    "another modality": ([marked(0), marked(1, Modality=MARK), marked(2, Modality=MARK)], 1),
    "another kind of pixels": ([marked(0), marked(1, PhotometricInterpretation=MARK), marked(2, NumberOfFrames=3)], 1),
    "cut off": ([marked(seed)[: -90 if seed else None] for seed in range(3)], 1),
    "cut off in the header": ([marked(seed)[: 500 if seed else None] for seed in range(3)], 1),
    "no DICOM": ([marked(0), MARK.encode() * 40, marked(1)[4:]], 1),
    "no row of labels": ([marked(0), marked(7), marked(8)], 1),
    "repeated": ([marked(0), marked(0), marked(0)], 1),
    "labels of another kind": ([marked(0), marked(3), marked(3)], 1),
    "numbers that are none": (
        [marked(0), *[marked(seed, RescaleSlope="12345678").replace(b"12345678", MARK.encode()) for seed in (1, 2)]],
        1,
    ),
}
LABELS = "".join(
    f"{UID}.{number},{label}\n" for number, label in enumerate(["No Finding", "Mass", "Nodule", f"{MARK} has a mass"])
)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDHASH_PSEUDONYM_KEY", "a key of the tests, not of a hospital")
    (tmp_path / "hospital" / MARK).mkdir(parents=True)
    return Workspace(tmp_path)


def holders(workspace: Workspace) -> list[str]:
    """Files outside the archive and the private folder that hold a mark, in their bytes or their name."""
    marks = [text.encode(code) for text in (MARK, UID) for code in ("latin-1", "utf-16-le")]
    public = (
        path
        for path in workspace.root.rglob("*")
        if path.is_file()
        and not path.is_relative_to(workspace.root / "hospital")
        and not path.is_relative_to(workspace.private)
    )
    return [str(path) for path in public if MARK in path.name or any(mark in path.read_bytes() for mark in marks)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
def test_no_byte_of_an_output_or_a_message_holds_what_identifies(case, workspace, capfd, caplog):
    files, code = CASES[case]
    for number, data in enumerate(files):
        (workspace.root / "hospital" / MARK / f"{MARK}{number}.dcm").write_bytes(data)
    (workspace.root / "hospital" / "labels.csv").write_text("sop_instance_uid,labels\n" + LABELS)
    for share in (0.45, 1.0):
        (workspace.root / "params.yaml").write_text(
            "methods: [lsh]\nsize_px: 16\ningest: {source: dicom, archive: hospital, workers: 1, "
            f"max_rejected_share: {share}}}\n"
        )
        capfd.readouterr()
        caplog.clear()
        ended = main(["--root", str(workspace.root)])
        printed = "".join(capfd.readouterr()) + caplog.text
        assert ended == (code if share < 1 else 0), printed
        assert MARK not in printed
        assert UID not in printed
        assert holders(workspace) == []
    report, _ = check_stage("ingest", workspace, load_params(workspace.root / "params.yaml"))
    assert MARK not in report.model_dump_json()
    assert any(MARK.encode() in path.read_bytes() for path in workspace.private.rglob("*.parquet"))
