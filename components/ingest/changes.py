"""What is new, changed and withdrawn since the last run, by the tables of both."""

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from medhash.archives.forgotten import forgotten_digest
from medhash.core.contracts import IMAGES, read_table
from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace

_COLUMNS = ["image_id", "patient_id", "bag_id", "sha256", "region"]


def last_images(workspace: Workspace) -> pa.Table | None:
    """The images of the last run: their ids, sha256 and region; None where there is no table to compare with.

    A damaged table is none: this run replaces it.
    """
    if not workspace.images.exists():
        return None
    try:
        return read_table(workspace.images, IMAGES).select(_COLUMNS)
    except MedhashError:
        return None


def require_few_withdrawn(
    last: pa.Table | None, images: pa.Table, refused: Collection[str], forgotten: frozenset[str], max_share: float
) -> None:
    """Raise MedhashError if more than that share of the last run's images are gone.

    refused: pseudonyms of files refused in this run, and of their bags. These images, parts of these bags (a part does
    not name its file) and images of forgotten patients do not count.

    A folder that is not mounted, or a truncated table, looks like a mass withdrawal. A run would remove these images
    from tables, codes and releases. Where no image of the last run is left, the archive or the key is another one;
    that is no withdrawal.
    """
    if last is None:
        return
    gone = [
        row
        for row in _withdrawn(last, images, forgotten)
        if row["image_id"] not in refused and not (row["region"] and row["bag_id"] in refused)
    ]
    if max_share * len(last) < len(gone) < len(last):
        raise MedhashError(
            f"{len(gone):,} of the {len(last):,} {_noun(last)} of the last run are gone from the archive "
            f"({len(gone) / len(last):.1%}, ingest.max_withdrawn_share allows {max_share:.1%})",
            "check that the whole archive is there, with all folders mounted; if these images were withdrawn, raise "
            "ingest.max_withdrawn_share for one run; the last good tables are untouched",
        )


def count_changes(last: pa.Table | None, images: pa.Table, forgotten: frozenset[str]) -> str:
    """A line that counts images: new ones, those with another file than in the last run, and withdrawn ones.

    Images of forgotten patients are not counted as gone: they may still be there.
    """
    if last is None:
        return f"new {len(images)}, changed 0, withdrawn 0 {_noun(images)}: there is no last run to compare with"
    before, now = (
        dict(zip(table["image_id"].to_pylist(), table["sha256"].to_pylist(), strict=True)) for table in (last, images)
    )
    n_changed = sum(image_id in before and before[image_id] != digest for image_id, digest in now.items())
    n_withdrawn = len(_withdrawn(last, images, forgotten))
    return (
        f"new {len(now.keys() - before.keys())}, changed {n_changed}, withdrawn {n_withdrawn} "
        f"{_noun(last, images)} since the last run"
    )


def _withdrawn(last: pa.Table, images: pa.Table, forgotten: frozenset[str]) -> list[dict[str, Any]]:
    """Images of the last run that are gone, without those of forgotten patients.

    Where files were cut, before or now, a part counts as present as long as its file is present. In a table without
    pixels its bag must be present.
    """
    left_out = {
        patient
        for patient in last["patient_id"].unique().to_pylist()
        if forgotten and forgotten_digest(patient) in forgotten
    }
    now = set(images["image_id"].to_pylist())
    files = {*images["sha256"].to_pylist(), *images["bag_id"].to_pylist()} if _are_cut(last, images) else set()
    return [
        row
        for row in last.to_pylist()
        if row["image_id"] not in now
        and (row["sha256"] or row["bag_id"]) not in files
        and row["patient_id"] not in left_out
    ]


def _are_cut(*tables: pa.Table) -> bool:
    return any(table["region"].null_count < len(table) for table in tables)


def _noun(*tables: pa.Table) -> str:
    return "parts of images" if _are_cut(*tables) else "images"
