"""Which of CBIS-DDSM's cases an image file belongs to: told by a folder above it, or by its own name."""

import re
from collections.abc import Generator
from pathlib import Path, PurePosixPath

from components.ingest.dicom_header import is_dicom, read_header
from components.ingest.entries import SourceFile
from components.ingest.integrity import Unreadable
from components.ingest.known import NO_IMAGE, Known
from components.ingest.sources.cbis_ddsm_table import TABLES, CaseTables
from components.ingest.sources.files import IMAGE_SUFFIXES, most_bytes, tree_files
from components.params import IngestParams

_SUFFIXES = (".dcm", *IMAGE_SUFFIXES)
_CASE = re.compile(r"((?:Calc|Mass)-(?:Training|Test))_P_\d+_(?:LEFT|RIGHT)_(?:CC|MLO)(_\d+)?")
_SERIES = re.compile(r"1\.3\.6\.1\.4\.1\.9590\.[\d.]+")
_SERIES_DESCRIPTION, _BITS_ALLOCATED = 0x0008103E, 0x00280100


def case_files(archive: Path, tables: CaseTables, settings: IngestParams, known: Known | None) -> Generator[SourceFile]:
    """The image files of films, or of cut-outs, each under the name of its case; masks are left out.

    Raises MedhashError where a folder cannot be listed.
    """
    names = CaseNames(tables, settings.cbis_ddsm.images == "cropped")
    max_bytes = most_bytes(settings)
    for file in tree_files(archive, max_bytes, names.name_of, _SUFFIXES, known):
        if names.cropped and (file.told == NO_IMAGE or _is_mask(file.data)):
            if known and not file.told:
                known.put(file.place, NO_IMAGE)
            continue
        yield file


class CaseNames:
    """From a file's path to the case it shows, as the tables name it."""

    def __init__(self, tables: CaseTables, cropped: bool) -> None:
        self.cropped = cropped
        self._collections = tables.collections
        self._series: dict[str, str | None] = {}
        """Series → its case; None for those that are not asked for, and for those that two cases claim."""
        for row in tables.rows:
            for series, case in (
                (row.image_series, None if cropped else row.image),
                (row.crop_series, row.crop if cropped else None),
            ):
                if series and self._series.setdefault(series, case) != case:
                    self._series[series] = None

    def name_of(self, path: str) -> str | None:
        """The case; None for files that are not asked for. A file of no case keeps its path for a name.

        The outermost folder that is a case decides, or one that is a series of the tables; then the file's own name.
        """
        parts = PurePosixPath(path)
        if "mask" in parts.stem.lower():
            return None
        for part in (*parts.parent.parts, parts.stem):
            if found := _CASE.fullmatch(part):
                asked = found[1] in self._collections and bool(found[2]) == self.cropped
                return part if asked else None
            if part in self._series:
                return self._series[part]
            if _SERIES.fullmatch(part) and len(self._collections) < len(TABLES):
                return None  # of a table that is not there, as far as one can tell
        return path


def _is_mask(data: bytes) -> bool:
    """Mask and cut-out lie in one folder, and the tables' paths mix them up: their headers tell them apart.

    By the series description, and where it does not say, by the 8 bits of a mask against a cut-out's 16.
    """
    if not is_dicom(data):
        return False
    try:
        header = read_header(data, (_SERIES_DESCRIPTION, _BITS_ALLOCATED), len(data))
    except Unreadable:  # the scan will say why
        return False
    described = header.text(_SERIES_DESCRIPTION).lower()
    return "mask" in described or ("crop" not in described and header.integers(_BITS_ALLOCATED)[:1] == [8])
