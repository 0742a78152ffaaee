"""From a DICOM header to a row: the elements that are read, and the words they become."""

import io
import os
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO, NamedTuple, Self

from medhash.archives.dicom_header import Header, is_dicom, read_header
from medhash.archives.files import storable, tar_files
from medhash.archives.integrity import Unreadable
from medhash.archives.known import NO_IMAGE, Known
from medhash.archives.memo import Place, place_of
from medhash.archives.readers.nih_table import MAX_AGE, TOP_AGE

_SUFFIXES = (".dcm", ".dicom", ".ima")
_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_DIRECTORY = "DICOMDIR"
"""The name of a medium's table of contents, which is DICOM and no image. Source: PS3.10, section 8.6."""
_MAGIC_ENDS = 132


@dataclass(frozen=True)
class DicomFile:
    """A file, named by its path in the archive; `stream` is open until the next one is asked for.

    reason: one of entries.REASONS where there is no stream. told: what is known of the file, which has no stream then.
    """

    name: str
    stream: BinaryIO | None
    reason: str = ""
    place: Place | None = None
    told: str = ""


def dicom_files(archive: Path, max_bytes: int, known: Known | None = None) -> Generator[DicomFile]:
    """Files that end as DICOM files do, and those without ending (or with a number for one) that are DICOM.

    Order: by name, folders and tars where their names stand; in a tar as packed. Hidden files are left out, and links
    to folders are not followed. A file of which enough is known is not opened.
    Raises MedhashError where a tar is unsafe or damaged.
    """
    for path in _sorted_files(archive):
        name = storable(path.relative_to(archive).as_posix())
        if path.name.lower().endswith(_TAR_SUFFIXES):
            yield from _in_tar(path, name, max_bytes, known)
        elif (_has_suffix(name) or _may_be_dicom(name)) and not (known and known.leaves_out(name)):
            yield from _opened(path, name, max_bytes, known)


def _in_tar(path: Path, name: str, max_bytes: int, known: Known | None) -> Iterator[DicomFile]:
    known = known.named(lambda member: f"{name}/{member}") if known else None
    for member in tar_files(path, max_bytes, ("",), with_folders=True, known=known):
        inner = f"{name}/{member.name}"
        if member.told:
            if member.told != NO_IMAGE:
                yield DicomFile(inner, None, "", member.place, member.told)
        elif _has_suffix(inner) if member.reason else _is_candidate(inner, member.data[:_MAGIC_ENDS]):
            yield DicomFile(inner, None if member.reason else io.BytesIO(member.data), member.reason, member.place)
        elif known:
            known.put(member.place, NO_IMAGE)


def _opened(path: Path, name: str, max_bytes: int, known: Known | None) -> Iterator[DicomFile]:
    try:
        place = place_of(path, path.stat())
        if known and (told := known.told(place, name)):
            if told != NO_IMAGE:
                yield DicomFile(name, None, "", place, told)
            return
        if known and not known.wants(name):
            return
        stream = path.open("rb")
    except OSError:  # its text would name the file
        if _has_suffix(name):
            yield DicomFile(name, None, "unreadable")
        return
    with stream:
        try:
            start = stream.read(_MAGIC_ENDS)
            stream.seek(0)
            opened = place_of(path, os.fstat(stream.fileno()))
        except OSError:
            yield DicomFile(name, None, "unreadable")
            return
        if not _is_candidate(name, start):
            if known and opened == place:
                known.put(place, NO_IMAGE)
        elif opened.size > max_bytes:
            yield DicomFile(name, None, "too_large")
        else:
            yield DicomFile(name, stream, "", place if opened == place else None)


def _sorted_files(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _sorted_files(Path(entry.path))
        elif not entry.is_dir():
            yield Path(entry.path)


def _has_suffix(name: str) -> bool:
    return name.lower().endswith(_SUFFIXES)


def _may_be_dicom(name: str) -> bool:
    """No ending, or a number, as the UIDs have by which archives name their files."""
    path = PurePath(name)
    return path.name != _DIRECTORY and (not path.suffix or path.suffix[1:].isdigit())


def _is_candidate(name: str, start: bytes) -> bool:
    return not PurePath(name).name.startswith(".") and (_has_suffix(name) or (_may_be_dicom(name) and is_dicom(start)))


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
"""So much of a file holds most headers; the pixels stand last."""

MODALITIES = {"DX": "xray", "CR": "xray", "RG": "xray", "MG": "mammography"}
ORGANS = {
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
VIEWS = {
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
        """The place of a file that makes no row; its keys tell that it is there."""
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
    if modality not in MODALITIES:
        raise UnfitHeader(
            "unknown_modality", f"Modality is none of {', '.join(MODALITIES)}", modality, uid, accession, patient
        )
    if not patient:
        raise UnfitHeader("empty_patient", "Patient ID is empty", "", uid, accession)
    kind = MODALITIES[modality]
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
        ORGANS.get(header.text(_BODY_PART).upper(), "breast" if kind == "mammography" else "unknown"),
        VIEWS.get(header.text(_VIEW).upper()),
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
    """Distance of columns in mm: in the patient where the header tells, else at the detector."""
    spacing = header.numbers(_SPACING) or header.numbers(_DETECTOR_SPACING)
    return spacing[-1] if spacing and spacing[-1] > 0 else None
