"""Open-i's reports: one XML file each, with MeSH terms and the ids of its images."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

from medhash.archives.entries import REASONS, Rejection, SourceFile
from medhash.archives.files import ends_with, folder_files, tar_files
from medhash.core.errors import MedhashError

TAR_SUFFIXES = (".tgz", ".tar.gz", ".tar")
_XML = (".xml",)
_REPORT_FOLDERS = ("ecgen-radiology", "NLMCXR_reports/ecgen-radiology", "NLMCXR_reports", ".")
MAX_REPORT_BYTES = 1 << 20
"""The largest published report has 9 kB."""
IMAGES_PER_REPORT = 1000
"""Row numbers leave room for so many images, less one; no published report has more than five."""
_FILE_OR_ID = re.compile(r"^(?:CXR)?(\d+)_(?:\1_)?(?=IM-)")


@dataclass(frozen=True)
class Report:
    """What is read of a report. `images`: the ids of its images in its order, empty where one has none."""

    row: int
    report_id: str
    major: list[str]
    automatic: list[str]
    images: list[str]


def report_files(archive: Path) -> tuple[str, Iterator[SourceFile]]:
    """Name of what holds the reports, and their files: the published tar, or the first folder that holds XML.

    Raises MedhashError where there is neither.
    """
    for suffix in TAR_SUFFIXES:
        tar = archive / f"NLMCXR_reports{suffix}"
        if tar.is_file():
            return tar.name, tar_files(tar, MAX_REPORT_BYTES, _XML)
    for name in _REPORT_FOLDERS:
        folder = archive / name
        if folder.is_dir() and holds(folder, _XML):
            return f"the reports in {name}", folder_files(folder, MAX_REPORT_BYTES, _XML)
    raise MedhashError(
        f"{archive} holds neither NLMCXR_reports.tgz nor ecgen-radiology with its XML files",
        "set ingest.archive to the folder that holds the Indiana University reports of Open-i as published",
    )


def holds(folder: Path, suffixes: tuple[str, ...]) -> bool:
    return any(ends_with(path.name, suffixes) for path in folder.iterdir())


def read_reports(archive: Path) -> tuple[str, list[Report], list[Rejection]]:
    """Name of what holds the reports, every report that can be read, and the reports that are refused.

    A report whose id an earlier one has is among both, so that its images' names are known.
    Raises MedhashError where there are no reports, or where their tar is unsafe or damaged.
    """
    table, files = report_files(archive)
    reports, rejections = [], []
    first: dict[str, int] = {}
    for place, file in enumerate(sorted(files, key=_order), start=1):
        report = _read(file, place * IMAGES_PER_REPORT)
        if isinstance(report, Report):
            reports.append(report)
            earlier = first.setdefault(report.report_id, report.row)
            if earlier == report.row:
                continue
            report = Rejection(
                "duplicate_report",
                f"row {earlier} is a report of the same id",
                report.row,
                value=file.name,
                patients=(report.report_id,),
            )
        rejections.append(report)
    return table, reports, rejections


def image_name(name: str) -> str:
    """What an image is called here. `CXR1_1_IM-0001-3001` of the reports is `1_IM-0001-3001` among the DICOM files,
    and the others have no second number."""
    return _FILE_OR_ID.sub(r"CXR\1_", name)


def _order(file: SourceFile) -> tuple[int, int, str, bytes]:
    """By number, then by name; by content last, so that the order of a tar's members never counts."""
    stem = PurePosixPath(file.name).stem
    number = int(stem) if stem.isascii() and stem.isdigit() and len(stem) < 19 else -1
    return (number < 0, number, file.name, file.data)


def _read(file: SourceFile, row: int) -> Report | Rejection:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    if file.reason:
        detail = (
            f"the report has more than {MAX_REPORT_BYTES} bytes" if file.reason == "too_large" else REASONS[file.reason]
        )
        return Rejection(file.reason, detail, row, value=file.name, patients=_patients_of(file.name))
    try:
        root = fromstring(file.data, forbid_dtd=True)
    except DefusedXmlException:  # its text would quote the report
        return Rejection(
            "unsafe_report", REASONS["unsafe_report"], row, value=file.name, patients=_patients_of(file.name)
        )
    except (ParseError, ValueError, LookupError) as error:  # the last two: an unknown encoding
        line = getattr(error, "position", (0,))[0]
        return Rejection(
            "malformed_report",
            f"no well-formed XML{f' from line {line}' if line else ''}",
            row,
            value=file.name,
            patients=_patients_of(file.name),
        )
    return _report(root, row, file.name)


def _report(root: Element, row: int, file_name: str) -> Report | Rejection:
    named = root.find("uId")
    report_id = (named.get("id") or "").strip() if named is not None else ""
    images = [image.get("id", "").strip() for image in root.iterfind("parentImage")]
    major, automatic = _terms(root, "major"), _terms(root, "automatic")
    if root.tag != "eCitation":
        reason, detail = "malformed_report", "its root is not eCitation"
    elif not report_id:
        reason, detail = "empty_patient", "the report has no id (uId), which stands for the patient"
    elif len(images) >= IMAGES_PER_REPORT:
        reason, detail = "malformed_report", f"{len(images)} images; a report has fewer than {IMAGES_PER_REPORT}"
    elif any("|" in term for term in major + automatic):
        reason, detail = "malformed_report", "a MeSH term holds |, which separates labels"
    else:
        return Report(row, report_id, major, automatic, images)
    return Rejection(reason, detail, row, value=file_name, patients=(report_id, *_patients_of(file_name)))


def _patients_of(file_name: str) -> tuple[str, ...]:
    """Of a report that does not say its id: files are named by its number."""
    stem = PurePosixPath(file_name).stem
    return stem, f"CXR{stem}"


def _terms(root: Element, kind: str) -> list[str]:
    texts = [(term.text or "").strip() for term in root.iterfind(f"MeSH/{kind}")]
    return [text for text in texts if text]
