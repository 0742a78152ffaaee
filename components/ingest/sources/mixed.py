"""Several archives joined into one set of images, so that it has many modalities, organs and pathologies.

Each archive of ingest.mixed.archives is read by its own reader. Of what that gives, names get the archive's name in
front, since archives number their files and patients each for itself. A row's number is 100,000,000 × the place of its
archive in the list, from 1, + the number that its own reader gives it: 300000017 is row 17 of the third archive. It
stays as long as no archive is put before.
"""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from components.errors import MedhashError
from components.ingest.entries import Entries, Rejection, SourceFile
from components.ingest.joined import joined_file, joined_number, parted_file
from components.ingest.known import Known
from components.ingest.sources.bag_choice import require_offered
from components.ingest.sources.mixed_archives import Joined, explained, joined_archives
from components.ingest.sources.mixed_rows import joined_rows
from components.params import IngestParams

BAGS = ("image", "patient")
ROWS_PER_ARCHIVE = 100_000_000
"""More rows than any archive has, and a number in which both parts can be read."""


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """The rows of all archives, one after the other; `pathology` holds the attribute that each entry chooses.

    Prints how many rows each archive has. Regions are left out: they count px of frames that differ by archive.
    Raises MedhashError, naming the archive, where one cannot be read, where two overlap or share a name, where neither
    an entry nor its reader knows modality or organ, and for bags and cuts that not every archive offers.
    """
    require_offered(settings.bags.by, BAGS, "mixed")
    if settings.cut.into == "regions":
        raise MedhashError(
            "ingest.cut.into: regions, but the joined archives point at regions each in its own way, or at none",
            "set ingest.cut.into to grid or whole",
        )
    frames: list[pd.DataFrame] = []
    names: set[str] = set()
    rejections: list[Rejection] = []
    n_rows, read = 0, {}
    for number, joined in enumerate(joined_archives(archive, settings), 1):
        with explained(joined):
            entries = read[joined.name] = joined.reader.read_entries(
                joined.folder, joined.settings, known.within(joined.name) if known else None
            )
            frames.append(joined_rows(entries, joined.entry).set_axis(_numbers(entries.rows.index, number)))
        print(f"{joined.name}: {len(entries.rows):,} rows, {len(entries.rejections):,} refused")
        names |= {joined_file(joined.name, name) for name in entries.names}
        rejections += [_joined_rejection(joined, number, rejection) for rejection in entries.rejections]
        n_rows += entries.n_rows

    def patients_of(name: str) -> tuple[str, ...]:
        of, file = parted_file(name)
        return tuple(joined_number(of, patient) for patient in read[of].patients_of(file)) if of in read else ()

    return Entries(
        "joined archives (row = 100,000,000 × place of the archive + its own row)",
        "pathology",
        "",
        "unknown",
        pd.concat(frames),
        frozenset(names),
        n_rows,
        rejections,
        patients_of,
        channels=settings.mixed.channels,
        archive_of=lambda name: parted_file(name)[0],
    )


def image_files(archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
    """The files of all archives, one archive after the other."""
    for joined in joined_archives(archive, settings):
        with explained(joined):
            for file in joined.reader.image_files(
                joined.folder, joined.settings, known.within(joined.name) if known else None
            ):
                yield replace(file, name=joined_file(joined.name, file.name))


def _joined_rejection(joined: Joined, number: int, rejection: Rejection) -> Rejection:
    """The row numbers that its detail may tell are those of its own archive, which stands before them."""
    row = None if rejection.source_row is None else number * ROWS_PER_ARCHIVE + rejection.source_row
    name = joined_file(joined.name, rejection.source_name) if rejection.source_name else ""
    return replace(
        rejection,
        detail=f"{joined.name}: {rejection.detail}",
        source_row=row,
        source_name=name,
        patients=tuple(joined_number(joined.name, patient) for patient in rejection.patients if patient),
    )


def _numbers(index: pd.Index, number: int) -> pd.Index:
    return pd.Index(index.to_numpy(dtype="int64") + number * ROWS_PER_ARCHIVE)
