"""Open-i's images: their files, and what a header table, DICOM headers or a list of PA views says of them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import pandas as pd

from medhash.archives.dicom_header import read_header
from medhash.archives.entries import SourceFile
from medhash.archives.files import IMAGE_SUFFIXES, ends_with, folder_files, tar_files
from medhash.archives.integrity import Unreadable
from medhash.archives.known import Known
from medhash.archives.readers.csv_tables import csv_lines, find_columns
from medhash.archives.readers.openi_reports import TAR_SUFFIXES, holds, image_name
from medhash.archives.readers.terms import MAX_AGE, TOP_AGE
from medhash.core.errors import MedhashError

TABLE = "nlmcxr_dicom_metadata.csv"
PA_LIST = "nlmcxr_tsne_pa.csv"
_TAGS = {
    "View Position": 0x00185101,
    "Patient's Sex": 0x00100040,
    "Patient's Age": 0x00101010,
    "Columns": 0x00280011,
    "Rows": 0x00280010,
    "Pixel Spacing": 0x00280030,
    "Imager Pixel Spacing": 0x00181164,
    "Burned In Annotation": 0x00280301,
}
"""Title of the table's column → DICOM tag of the same element; nothing else is read of either."""
_HEAD_BYTES = 1 << 20
"""What is read of a DICOM file: elements come in the order of their tags, pixels last."""
_LATERAL = ("LL", "RL", "LATERAL", "LARGE LATERAL")
_DICOM = (".dcm",)
_FOLDERS = ("NLMCXR_{kind}", "NLMCXR_{kind}/*", "images", "images/*")


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
        tars = sorted(path for path in archive.glob(f"NLMCXR_{kind}*") if ends_with(path.name, TAR_SUFFIXES))
        places = {archive, *(path for pattern in _FOLDERS for path in archive.glob(pattern.format(kind=kind)))}
        folders = sorted(path for path in places if path.is_dir() and holds(path, suffixes))
        if tars or folders:
            return Images(suffixes, tars, folders)
    return None


def table_headers(archive: Path) -> pd.DataFrame | None:
    """Columns of contract IMAGES, index = `imageid` as in the table; None where there is no table.

    Raises MedhashError where it cannot be read, lacks `imageid` or `View Position`, or holds an image twice.
    """
    path = _plain_or_gz(archive / TABLE)
    return None if path is None else _typed(_read(path, ("imageid", "View Position"), tuple(_TAGS)))


def listed_pa(archive: Path) -> frozenset[str]:
    """`imageid` of every image that the list of views calls PA; empty where there is no list.

    Raises MedhashError as for the header table.
    """
    path = _plain_or_gz(archive / PA_LIST)
    if path is None:
        return frozenset()
    views = _read(path, ("imageid", "tsne-view"), ())["tsne-view"]
    return frozenset(views.index[views == "PA"])


def dicom_headers(images: Images, max_bytes: int) -> tuple[pd.DataFrame, set[str]]:
    """Columns of contract IMAGES, index = image name, and the names of files whose header cannot be read.

    Of files in folders only the header is read; a tar is one stream and read whole.
    Raises MedhashError where a tar is unsafe or damaged.
    """
    raw: dict[str, list[str]] = {}
    damaged = set()
    for file_name, stream in images.streams(max_bytes):
        name = image_name(PurePosixPath(file_name).stem)
        header = _header(stream, max_bytes)
        if header is None:
            damaged.add(name)
        else:
            raw[name] = header
    return _typed(pd.DataFrame.from_dict(raw, orient="index", columns=list(_TAGS)).astype("str")), damaged


def _header(stream: BinaryIO, max_bytes: int) -> list[str] | None:
    """The values of _TAGS as text; None where there is no header that describes an image."""
    try:
        header = read_header(stream.read(_HEAD_BYTES), _TAGS.values(), max_bytes)
    except Unreadable:  # the scan will say why
        return None
    if not header.integers(_TAGS["Rows"]):
        return None
    return [
        str(next(iter(header.integers(tag)), "")) if title in ("Columns", "Rows") else header.text(tag)
        for title, tag in _TAGS.items()
    ]


def _plain_or_gz(path: Path) -> Path | None:
    return next((found for found in (path, path.with_name(f"{path.name}.gz")) if found.is_file()), None)


def _read(path: Path, needed: tuple[str, ...], wanted: tuple[str, ...]) -> pd.DataFrame:
    """The needed and those of the wanted columns that are there, as text; index = the first needed one."""
    restore = "restore the table as published (CSV, UTF-8)"
    lines = csv_lines(path, ",", restore)
    header = next(lines)[1]
    places = find_columns(path, header, {title: (title,) for title in needed})
    places |= {title: header.index(title) for title in wanted if title in header}
    rows: dict[str, list[str]] = {}
    for line, row in lines:
        if len(row) != len(header):
            raise MedhashError(f"{path}, line {line}: {len(row)} fields, the header has {len(header)}", restore)
        image = row[places[needed[0]]]
        if image in rows:
            raise MedhashError(
                f"{path}, line {line}: an earlier line describes the same image", "keep one line for each image"
            )
        rows[image] = [row[place] for place in places.values()]
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(places), dtype="str")


def _typed(raw: pd.DataFrame) -> pd.DataFrame:
    """LL, RL, LATERAL and LARGE LATERAL are one view here, LATERAL; any other but PA and AP is unknown."""
    raw = raw.reindex(columns=list(_TAGS)).fillna("").apply(lambda column: column.str.strip())
    view, sex, age, columns, rows, spacing, at_detector, burned_in = (raw[title] for title in _TAGS)
    view = view.str.upper().replace(dict.fromkeys(_LATERAL, "LATERAL"))
    years = age.str.extract(r"^(\d{1,3})([YMWD]?)$")
    whole_years = pd.to_numeric(years[0], errors="coerce").mask(years[1].isin(["M", "W", "D"]), 0)
    return pd.DataFrame(
        {
            "view": view.where(view.isin(["PA", "AP", "LATERAL"])),
            "sex": sex.where(sex.isin(["F", "M"])),
            "age": whole_years.where(whole_years <= MAX_AGE).clip(upper=TOP_AGE),
            "width": _positive(columns).where(lambda pixels: (pixels % 1 == 0) & (pixels < 2**31)),
            "height": _positive(rows).where(lambda pixels: (pixels % 1 == 0) & (pixels < 2**31)),
            "pixel_spacing": _positive(spacing).fillna(_positive(at_detector)),
            "burned_in": burned_in.str.upper().map({"YES": True, "NO": False}),
        }
    )


def _positive(texts: pd.Series) -> pd.Series:
    """The first number in each text, `['0.15', '0.15']` too; null where it is not above 0."""
    numbers = pd.to_numeric(texts.str.extract(r"(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)", expand=False), errors="coerce")
    return numbers.where((numbers > 0) & (numbers < float("inf")))
