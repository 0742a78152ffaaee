"""Where Open-i's files lie: reports and images, in tars that are never unpacked or in folders."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from components.errors import MedhashError
from components.ingest.entries import SourceFile
from components.ingest.known import Known
from components.ingest.sources.files import IMAGE_SUFFIXES, ends_with, folder_files, tar_files

_TAR_SUFFIXES = (".tgz", ".tar.gz", ".tar")
_XML = (".xml",)
_DICOM = (".dcm",)
_REPORT_FOLDERS = ("ecgen-radiology", "NLMCXR_reports/ecgen-radiology", "NLMCXR_reports", ".")
_IMAGE_FOLDERS = ("NLMCXR_{kind}", "NLMCXR_{kind}/*", "images", "images/*")
MAX_REPORT_BYTES = 1 << 20
"""The largest published report has 9 kB."""


@dataclass(frozen=True)
class Images:
    """The archive's images: all DICOM or all PNG, in tars and folders."""

    suffixes: tuple[str, ...]
    tars: list[Path]
    folders: list[Path]

    @property
    def are_dicom(self) -> bool:
        return self.suffixes == _DICOM

    def files(self, max_bytes: int, known: Known | None = None) -> Iterator[SourceFile]:
        """Every file, tars first. Raises MedhashError where a tar is unsafe or damaged."""
        for tar in self.tars:
            yield from tar_files(tar, max_bytes, self.suffixes, known=known)
        for folder in self.folders:
            yield from folder_files(folder, max_bytes, self.suffixes, known)

    def streams(self, max_bytes: int) -> Iterator[tuple[str, BinaryIO]]:
        """Name and opened bytes of every file that can be had: of a folder's, only what the caller reads is read."""
        for tar in self.tars:
            for file in tar_files(tar, max_bytes, self.suffixes):
                if not file.reason:
                    yield file.name, BytesIO(file.data)
        for path in (path for folder in self.folders for path in sorted(folder.iterdir())):
            if ends_with(path.name, self.suffixes) and path.is_file() and os.access(path, os.R_OK):
                with path.open("rb") as handle:
                    yield path.name, handle


def images_of(archive: Path) -> Images | None:
    """The DICOM files where there are any, otherwise the PNG files, which are renderings of them; or none."""
    for kind, suffixes in (("dcm", _DICOM), ("png", IMAGE_SUFFIXES)):
        tars = sorted(path for path in archive.glob(f"NLMCXR_{kind}*") if ends_with(path.name, _TAR_SUFFIXES))
        places = {archive, *(path for pattern in _IMAGE_FOLDERS for path in archive.glob(pattern.format(kind=kind)))}
        folders = sorted(path for path in places if path.is_dir() and _holds(path, suffixes))
        if tars or folders:
            return Images(suffixes, tars, folders)
    return None


def report_files(archive: Path) -> tuple[str, Iterator[SourceFile]]:
    """Name of what holds the reports, and their files: the published tar, or the first folder that holds XML.

    Raises MedhashError where there is neither.
    """
    for suffix in _TAR_SUFFIXES:
        tar = archive / f"NLMCXR_reports{suffix}"
        if tar.is_file():
            return tar.name, tar_files(tar, MAX_REPORT_BYTES, _XML)
    for name in _REPORT_FOLDERS:
        folder = archive / name
        if folder.is_dir() and _holds(folder, _XML):
            return f"the reports in {name}", folder_files(folder, MAX_REPORT_BYTES, _XML)
    raise MedhashError(
        f"{archive} holds neither NLMCXR_reports.tgz nor ecgen-radiology with its XML files",
        "set ingest.archive to the folder that holds the Indiana University reports of Open-i as published",
    )


def _holds(folder: Path, suffixes: tuple[str, ...]) -> bool:
    return any(ends_with(path.name, suffixes) for path in folder.iterdir())
