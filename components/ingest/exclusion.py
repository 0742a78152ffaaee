"""Leaving out forgotten patients: their rows, what was refused of them, and their files, which are not even read."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from components.ingest.entries import Entries


@dataclass(frozen=True)
class Exclusion:
    """An archive's table without the forgotten patients, and the names of the files that go with them."""

    entries: Entries
    names: frozenset[str]
    n_images: int
    n_patients: int


def leave_out(entries: Entries, is_forgotten: Callable[[str], bool]) -> Exclusion:
    """Take out the rows and the refusals of forgotten patients.

    A refused row may not say whose it is: it goes if any patient it might be about is forgotten. A refusal of another
    patient's row goes too if it names a file of a forgotten one.
    """
    patients = {patient for patient in entries.rows["patient"].unique() if is_forgotten(patient)}
    gone = entries.rows["patient"].isin(patients)
    names = set(entries.rows.loc[gone, "source_name"])
    names |= {
        rejection.source_name
        for rejection in entries.rejections
        if rejection.source_name and any(map(is_forgotten, rejection.patients))
    }
    names -= set(entries.rows.loc[~gone, "source_name"])
    kept = [
        rejection
        for rejection in entries.rejections
        if rejection.source_name not in names and not any(map(is_forgotten, rejection.patients))
    ]
    n_out = int(gone.sum()) + len(entries.rejections) - len(kept)
    return Exclusion(
        replace(entries, rows=entries.rows[~gone], rejections=kept, n_rows=entries.n_rows - n_out),
        frozenset(names),
        int(gone.sum()),
        len(patients),
    )
