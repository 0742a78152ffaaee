"""From a DICOM header to a row: the elements that are read, and the words they become."""

import re
from dataclasses import dataclass
from typing import NamedTuple, Self

from medhash.archives.dicom_header import Header, read_header
from medhash.archives.integrity import Unreadable
from medhash.archives.readers.dicom_files import DicomFile
from medhash.archives.readers.terms import MAX_AGE, TOP_AGE

_SOP_UID, _ACCESSION, _MODALITY, _PATIENT, _SEX, _AGE = (
    0x00080018,
    0x00080050,
    0x00080060,
    0x00100020,
    0x00100040,
    0x00101010,
)
_BODY_PART, _VIEW, _DETECTOR_SPACING, _STUDY = 0x00180015, 0x00185101, 0x00181164, 0x0020000D
_LATERALITY, _IMAGE_LATERALITY, _ROWS, _COLUMNS, _SPACING, _BURNED_IN = (
    0x00200060,
    0x00200062,
    0x00280010,
    0x00280011,
    0x00280030,
    0x00280301,
)
_TAGS = (
    _SOP_UID,
    _ACCESSION,
    _MODALITY,
    _PATIENT,
    _SEX,
    _AGE,
    _BODY_PART,
    _VIEW,
    _DETECTOR_SPACING,
    _STUDY,
    _LATERALITY,
    _IMAGE_LATERALITY,
    _ROWS,
    _COLUMNS,
    _SPACING,
    _BURNED_IN,
)
_HEAD_BYTES = 1 << 18
"""So much of a file holds most headers; the pixels come last."""
_MODALITIES = {"DX": "xray", "CR": "xray", "RG": "xray", "MG": "mammography"}
_ORGANS = {
    "CHEST": "chest",
    "THORAX": "chest",
    "LUNG": "chest",
    "BREAST": "breast",
    "ABDOMEN": "abdomen",
    "PELVIS": "pelvis",
    "SKULL": "head",
    "HEAD": "head",
    "NECK": "neck",
    "SPINE": "spine",
    "CSPINE": "spine",
    "TSPINE": "spine",
    "LSPINE": "spine",
    "SHOULDER": "shoulder",
    "CLAVICLE": "shoulder",
    "ARM": "arm",
    "HUMERUS": "arm",
    "ELBOW": "arm",
    "FOREARM": "arm",
    "WRIST": "hand",
    "HAND": "hand",
    "FINGER": "hand",
    "HIP": "hip",
    "LEG": "leg",
    "FEMUR": "leg",
    "KNEE": "leg",
    "ANKLE": "foot",
    "FOOT": "foot",
    "TOE": "foot",
}
"""Body Part Examined (PS3.16, annex L) → organ; another or none is `unknown`, but a mammogram shows a breast."""
_VIEWS = {
    "PA": "PA",
    "AP": "AP",
    "LATERAL": "LATERAL",
    "LAT": "LATERAL",
    "LL": "LATERAL",
    "RL": "LATERAL",
    "LARGE LATERAL": "LATERAL",
    "CC": "CC",
    "MLO": "MLO",
    "ML": "ML",
    "LM": "LM",
    "XCCL": "XCCL",
}
"""View Position → view; decubitus positions (LLD, RLD) and others are not known."""


@dataclass
class UnfitHeader(Exception):
    """A file whose header makes no row; the value at fault and the keys, where they could be read, are private."""

    reason: str
    detail: str
    value: str = ""
    sop_instance_uid: str = ""
    accession_number: str = ""
    patient: str = ""


class DicomRow(NamedTuple):
    """Columns of entries.Entries.rows but labels, and the two keys."""

    source_name: str
    patient: str
    study: str
    sop_instance_uid: str
    accession_number: str
    modality: str
    organ: str
    view: str | None
    laterality: str | None
    sex: str | None
    age: float | None
    width: float | None
    height: float | None
    pixel_spacing: float | None
    burned_in: bool | None

    @classmethod
    def without(cls, name: str, error: UnfitHeader) -> Self:
        """The place of a file that makes no row; its keys show that the file exists."""
        return cls(name, "", "", error.sop_instance_uid, error.accession_number, "", "", *[None] * 8)


def header_row(file: DicomFile, max_bytes: int) -> DicomRow:
    """Read a file's header, no more. Raises UnfitHeader."""
    if file.stream is None:
        raise UnfitHeader(
            file.reason,
            "the file system would not hand out the file"
            if file.reason == "unreadable"
            else f"the file has more than {max_bytes} bytes",
        )
    try:
        header = _header(file, max_bytes)
    except OSError:  # its text would name the file
        raise UnfitHeader("unreadable", "the file system would not hand out the file") from None
    except Unreadable as error:
        raise UnfitHeader(error.reason, error.detail) from None
    modality, patient = header.text(_MODALITY), header.text(_PATIENT)
    uid, accession = header.text(_SOP_UID), header.text(_ACCESSION)
    if modality not in _MODALITIES:
        raise UnfitHeader(
            "unknown_modality", f"Modality is none of {', '.join(_MODALITIES)}", modality, uid, accession, patient
        )
    if not patient:
        raise UnfitHeader("empty_patient", "Patient ID is empty", "", uid, accession)
    kind = _MODALITIES[modality]
    laterality = header.text(_IMAGE_LATERALITY) or header.text(_LATERALITY)
    sex = header.text(_SEX)
    height, width = (float(next(iter(header.integers(tag)), 0)) or None for tag in (_ROWS, _COLUMNS))
    return DicomRow(
        file.name,
        patient,
        header.text(_STUDY) or f"{patient}\0{uid or file.name}",
        uid,
        accession,
        kind,
        _ORGANS.get(header.text(_BODY_PART).upper(), "breast" if kind == "mammography" else "unknown"),
        _VIEWS.get(header.text(_VIEW).upper()),
        laterality if laterality in ("L", "R") else None,
        sex if sex in ("F", "M") else None,
        _years(header.text(_AGE)),
        width,
        height,
        _spacing(header),
        {"YES": True, "NO": False}.get(header.text(_BURNED_IN)),
    )


def _header(file: DicomFile, max_bytes: int) -> Header:
    """From the file's start, or from all of it where the pixels begin later."""
    assert file.stream is not None
    start = file.stream.read(_HEAD_BYTES)
    if not start:
        raise Unreadable("empty", "the file has no bytes")
    try:
        header = read_header(start, _TAGS, max_bytes)
        if header.pixels is not None or len(start) < _HEAD_BYTES:
            return header
    except Unreadable:
        if len(start) < _HEAD_BYTES:
            raise
    return read_header(start + file.stream.read(), _TAGS, max_bytes)


def _years(text: str) -> float | None:
    """`045Y` → 45, months and less → 0, 90 and above → 90. Some write 45."""
    found = re.fullmatch(r"(\d{1,3})([YMWD]?)", text)
    if found is None or (int(found[1]) > MAX_AGE and found[2] in "Y"):
        return None
    return float(min(int(found[1]), TOP_AGE)) if found[2] in "Y" else 0.0


def _spacing(header: Header) -> float | None:
    """Distance of columns in mm: in the patient where the header has it, else at the detector."""
    spacing = header.numbers(_SPACING) or header.numbers(_DETECTOR_SPACING)
    return spacing[-1] if spacing and spacing[-1] > 0 else None
