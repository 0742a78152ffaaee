"""Groups of near duplicates, read from a CSV: which images are so alike that folds must not part them."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from components.errors import MedhashError
from components.ingest.sources.published_csv import read_rows
from components.params_archives import GroupsFile

_SETTING = "ingest.class_folders.groups"


def read_groups(archive: Path, chosen: GroupsFile) -> dict[str, str]:
    """Path of an image → its group; lines without a group are passed over, and so are images that are not there.

    The file lies in the archive's folder, or beside its tar. Other columns are not read.
    Raises MedhashError where it is absent, no CSV, lacks a column, or gives an image two groups.
    """
    folder = archive if archive.is_dir() else archive.parent
    table = next((path for path in (folder / chosen.file, folder / f"{chosen.file}.gz") if path.is_file()), None)
    if table is None:
        raise MedhashError(
            f"{folder / chosen.file} does not exist, nor does {chosen.file}.gz there",
            f"set {_SETTING}.file to the CSV that names each image and its group, or leave groups out: "
            "every image is then a patient of its own",
        )
    groups: dict[str, str] = {}
    columns = {"path": (chosen.path_column.lower(),), "group": (chosen.group_column.lower(),)}
    for line, cells in read_rows(table, columns):
        if isinstance(cells, list):
            raise MedhashError(
                f"{table}, line {line}: {len(cells)} fields, which is not what the header has",
                "mend the line: every image needs its group",
            )
        path = PurePosixPath(cells["path"]).as_posix()
        if cells["group"] and groups.setdefault(path, cells["group"]) != cells["group"]:
            raise MedhashError(
                f"{table}, line {line}: an earlier line puts the same image into another group",
                "take out the wrong line",
            )
    return groups


def require_named(archive: Path, groups: dict[str, str], paths: Iterable[str]) -> None:
    """Raise MedhashError where no image has a group: the paths then begin elsewhere."""
    if groups.keys().isdisjoint(paths):
        raise MedhashError(
            f"the file of {_SETTING} names no image of {archive}",
            f"{_SETTING}.path_column must hold paths from the archive's folder, or in a tar from the tar's root",
        )
