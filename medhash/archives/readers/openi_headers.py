"""What is known of Open-i's images beside the reports: a header table, DICOM headers, a list of PA views."""

import csv
import gzip
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import pandas as pd

from medhash.archives.dicom_header import read_header
from medhash.archives.integrity import Unreadable
from medhash.archives.readers.nih_table import MAX_AGE, TOP_AGE
from medhash.archives.readers.openi_reports import Images, image_name
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
"""What is read of a DICOM file: elements stand in the order of their tags, those of the pixels last."""
_LATERAL = ("LL", "RL", "LATERAL", "LARGE LATERAL")


def table_headers(archive: Path) -> pd.DataFrame | None:
    """Columns of contract IMAGES, index = `imageid` as it stands in the table; None where there is no table.

    Raises MedhashError where it cannot be read, lacks `imageid` or `View Position`, or holds an image twice.
    """
    path = _plain_or_gz(archive / TABLE)
    return None if path is None else _typed(_read(path, ("imageid", "View Position"), set(_TAGS)))


def listed_pa(archive: Path) -> frozenset[str]:
    """`imageid` of every image that the list of views calls PA; empty where there is no list.

    Raises MedhashError as for the header table.
    """
    path = _plain_or_gz(archive / PA_LIST)
    if path is None:
        return frozenset()
    views = _read(path, ("imageid", "tsne-view"), set())["tsne-view"]
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


def _read(path: Path, needed: tuple[str, ...], wanted: set[str]) -> pd.DataFrame:
    """The needed and those of the wanted columns that are there, as text; index = the first needed one."""
    restore = "restore the table as published (CSV, UTF-8)"
    rows, line = {}, 1
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            for title in needed:
                if title not in (reader.fieldnames or ()):
                    raise MedhashError(
                        f"{path}: column {title!r} is missing", f"give the column its published name, or {restore}"
                    )
            titles = wanted.union(needed).intersection(reader.fieldnames or ())
            for row in reader:
                line = reader.line_num
                if None in row or None in row.values():
                    raise csv.Error("another number of fields than the header")
                image = row[needed[0]].strip()
                if image in rows:
                    raise MedhashError(
                        f"{path}, line {line}: an earlier line describes the same image", "keep one line for each image"
                    )
                rows[image] = {title: row[title] for title in titles}
    except (csv.Error, UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile) as error:  # may quote the table
        raise MedhashError(
            f"{path} is not readable as CSV text after line {line} ({type(error).__name__})", restore
        ) from error
    except OSError as error:
        raise MedhashError(f"{path} cannot be read: {error.strerror}", "mend its permissions or its disk") from error
    return pd.DataFrame.from_dict(rows, orient="index", columns=sorted(titles), dtype="str")


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
