"""All image files below a folder, and in the tars that lie in it: the reading of archives that have no table.

A file is called by the last part of its path, so it keeps its pseudonym wherever the folders stand, packed or not;
a second copy of the same bytes under the same name counts for nothing.
"""

from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from medhash.archives.entries import Entries, Rejection, SourceFile
from medhash.archives.files import ends_with, most_bytes, storable, tar_files, tree_files, tree_paths
from medhash.archives.known import Known
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams

_UNKNOWN = {
    "view": None,
    "sex": None,
    "age": np.nan,
    "width": np.nan,
    "height": np.nan,
    "pixel_spacing": np.nan,
    "official_fold": None,
}
"""What no name tells; sizes come from the files."""


@dataclass(frozen=True)
class NamedImage:
    """What a name says. `picture`: equal for two files only if they are of the same picture."""

    patient: str
    study: str
    labels: str
    picture: Hashable
    bag: str | None
    further: dict[str, str] = field(default_factory=dict)
    """Attribute → its labels, joined by |."""


def named_entries(
    names: list[str], parse: Callable[[str], NamedImage | str | None], patients_of: Callable[[str], tuple[str, ...]]
) -> Entries:
    """Coloured breast histology, a row per name, numbered by the name's place among all, counted from 1.

    The number stays as long as no file is added before. parse: an image; or what is wrong with its name, which must
    not quote it; or None where settings leave the image out, which is no refusal.
    """
    rows, index, rejections = [], [], []
    first: dict[Hashable, int] = {}
    for row, name in enumerate(names, start=1):
        image = parse(name)
        if isinstance(image, str):
            rejections.append(Rejection("malformed_name", image, row, name, patients=patients_of(name)))
        elif image is not None and first.setdefault(image.picture, row) != row:
            rejections.append(
                Rejection(
                    "duplicate_row",
                    f"row {first[image.picture]} describes the same image",
                    row,
                    name,
                    patients=(image.patient,),
                )
            )
        elif image is not None:
            rows.append(
                {
                    "source_name": name,
                    "patient": image.patient,
                    "study": image.study,
                    "labels": image.labels,
                    **{f"labels:{attribute}": labels for attribute, labels in image.further.items()},
                    **({"bag": image.bag} if image.bag is not None else {}),
                }
            )
            index.append(row)
    frame = pd.DataFrame(rows, index=index, columns=None if rows else ["source_name", "patient", "study", "labels"])
    return Entries(
        "file names (row = place of the file, by name)",
        "pathology",
        "histology",
        "breast",
        frame.assign(**_UNKNOWN),
        frozenset(names),
        len(names),
        rejections,
        patients_of,
        channels=3,
    )


_TARS = (".tar", ".tar.gz", ".tgz")
_LISTED = "+"
"""Remembered of a tar's member, so that the next run knows the tar's names without reading it."""


def image_names(
    archive: Path, settings: IngestParams, patients_of: Callable[[str], tuple[str, ...]], known: Known | None = None
) -> list[str]:
    """The names of all image files, each once, sorted. Hidden files are left out, links to folders not followed.

    A tar is read to its end, as it has no list of its members; an unchanged one is not, unless it holds files of
    forgotten patients, whose names are not remembered.
    Raises MedhashError where there are none, a folder cannot be listed, or a tar is unsafe or damaged.
    """
    names = {storable(path.name) for path in tree_paths(archive)}
    for tar in _tars(archive):
        for file in tar_files(tar, most_bytes(settings), known=known):
            names.add(file.name)
            if known and not file.told and not any(map(known.forgets, patients_of(file.name))):
                known.put(file.place, _LISTED)
    if not names:
        raise MedhashError(
            f"{archive} holds no PNG or JPEG file, nor does a folder or a tar in it",
            "set ingest.archive to the folder that holds the images as published; unpack a zip first",
        )
    return sorted(names)


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """The same files with their bytes, tars first. Raises MedhashError where a tar is unsafe or damaged."""
    max_bytes = most_bytes(settings)
    for tar in _tars(archive):
        yield from tar_files(tar, max_bytes, known=known)
    yield from tree_files(archive, max_bytes, lambda path: PurePosixPath(path).name, known=known)


def _tars(archive: Path) -> list[Path]:
    return sorted(path for path in archive.iterdir() if ends_with(path.name, _TARS) and path.is_file())
