"""Bags: whether the images that an archive groups are one case, and which cases were lost."""

from collections.abc import Iterator

import pandas as pd

from components.ingest.scan import Scan
from medhash.archives.entries import REASONS, Entries, Rejection


def judge_bags(entries: Entries, scan: Scan | None, rejections: list[Rejection], max_size: int) -> list[Rejection]:
    """Rows of bags that are no case: all rows of a bag of two patients, or of more than max_size instances.

    rejections: what was refused so far; those rows do not count towards a bag's size, and are not refused again. A
    row without the name of a bag is refused alone. Without a scan an image is one instance, as its parts are not
    known yet.
    """
    refused = {rejection.source_row for rejection in rejections}
    rows = entries.rows
    bags = bags_of(rows)
    nameless = bags.isna() | (bags.astype(str).str.strip() == "")
    left = rows[~nameless & ~rows.index.isin(refused)]
    found = [
        Rejection("empty_bag", REASONS["empty_bag"], line, name)
        for line, name in _named(rows[nameless])
        if line not in refused
    ]
    n_patients = rows["patient"].groupby(bags).transform("nunique")[left.index]
    sizes = (
        pd.Series(
            [len(scan.shapes[scan.wanted(name)].regions) if scan else 1 for name in left["source_name"]],
            left.index,
            dtype="int64",
        )
        .groupby(bags[left.index])
        .transform("sum")
    )
    for (line, name), n, size in zip(_named(left), n_patients, sizes, strict=True):
        if n > 1:
            found.append(Rejection("bag_of_two_patients", f"the bag holds images of {n} patients", line, name))
        elif size > max_size:
            found.append(
                Rejection(
                    "bag_too_large",
                    f"the bag holds {size} images or parts of images; ingest.bags.max_size allows {max_size}",
                    line,
                    name,
                )
            )
    return found


def _named(rows: pd.DataFrame) -> Iterator[tuple[int, str]]:
    return zip(rows.index.tolist(), rows["source_name"].tolist(), strict=True)


def n_lost(entries: Entries, refused_rows: set[int]) -> int:
    """Bags that the archive names and none of whose images was taken."""
    if "bag" not in entries.rows:
        return 0
    bags = bags_of(entries.rows)
    left = set(bags[~bags.index.isin(refused_rows)])
    return len(set(bags.dropna()) - left - {""})


def bags_of(rows: pd.DataFrame) -> pd.Series:
    """The bag of each row as the archive names it; the file's own name where it names none."""
    return rows["bag"] if "bag" in rows else rows["source_name"]
