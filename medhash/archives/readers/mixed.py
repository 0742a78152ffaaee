"""Several archives joined into one set of images, so that it has many modalities, organs and pathologies.

Each archive of ingest.mixed.archives is read by its own reader. Of what that gives, names get the archive's name in
front, since archives number their files and patients each for itself. A row's number is 100,000,000 × the place of its
archive in the list (from 1) + the number that its own reader gives it: 300000017 is row 17 of the third archive. It
stays the same as long as no archive is put before.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from medhash.archives.entries import Entries, Rejection, SourceFile, require_offered
from medhash.archives.known import Known, joined_file, joined_number, parted_file
from medhash.archives.readers.layouts import Reader, reader_of
from medhash.archives.readers.terms import require_terms
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams
from medhash.core.params.ingest import MixedArchive, joined_settings

_FURTHER = "labels:"
_PATHOLOGY = "pathology"
_BAGS = ("image", "patient")
ROWS_PER_ARCHIVE = 100_000_000
"""More rows than any archive has, and a number in which both parts can be read."""


@dataclass(frozen=True)
class Joined:
    """One of the archives. name: the entry's; folder: a folder or a tar."""

    name: str
    entry: MixedArchive
    folder: Path
    settings: IngestParams
    reader: Reader


def read_entries(archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
    """The rows of all archives, one after the other; `pathology` holds the attribute that each entry chooses.

    Prints how many rows each archive has. Regions are left out: they count px of frames that differ by archive.
    Raises MedhashError, naming the archive, if one cannot be read, if two overlap or share a name, or if neither entry
    nor reader knows modality or organ. Also for bags and cuts that not every archive supports.
    """
    require_offered(settings.bags.by, _BAGS, "mixed")
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


def joined_archives(archive: Path, settings: IngestParams) -> list[Joined]:
    """The archives of ingest.mixed.archives, in their order. Raises MedhashError if there is none, or if one
    is absent, is inside another, or has an unknown modality or organ."""
    entries = settings.mixed.archives
    if not entries:
        raise MedhashError(
            "ingest.mixed.archives is empty",
            "list the archives to join, each with name, source and archive (docs/mixed-archives.md)",
        )
    found = []
    for entry in entries:
        require_terms(f"ingest.mixed.archives: {entry.name}", entry.modality, entry.organ)
        folder = archive / entry.archive
        if not folder.exists():
            raise MedhashError(
                f"ingest.mixed.archives: {entry.name}: {folder} does not exist",
                "set the entry's archive to the archive's folder, relative to ingest.archive",
            )
        own = joined_settings(settings, entry)
        found.append(Joined(entry.name, entry, folder, own, reader_of(own)))
    _require_apart(found)
    return found


@contextmanager
def explained(joined: Joined) -> Iterator[None]:
    """Add the archive's name to the errors of its reader."""
    try:
        yield
    except MedhashError as error:
        raise MedhashError(
            f"archive {joined.name} of ingest.mixed: {error.problem}",
            f"in the entry {joined.name} of ingest.mixed.archives: {error.fix}",
        ) from error


def _require_apart(found: list[Joined]) -> None:
    """An archive read twice would count every patient as two, and folds would not keep them together."""
    for number, joined in enumerate(found):
        for earlier in found[:number]:
            paths = [one.folder.resolve() for one in (joined, earlier)]
            if paths[0].is_relative_to(paths[1]) or paths[1].is_relative_to(paths[0]):
                raise MedhashError(
                    f"ingest.mixed.archives: {earlier.name} and {joined.name} are one folder or overlap",
                    "give each archive a separate folder, and name it once",
                )


def joined_rows(entries: Entries, entry: MixedArchive) -> pd.DataFrame:
    """The archive's rows under their own numbers, in the columns of entries.Entries.rows.

    `labels` holds the pathology, `labels:archive` the archive's name. Labels of other attributes keep their columns,
    but the archive's own `pathology` is dropped where the entry chooses another attribute in its place.
    Raises MedhashError if the archive lacks the attribute, or if modality or organ are unknown.
    """
    rows = entries.rows
    further = [name for name in map(str, rows.columns) if name.startswith(_FURTHER)]
    columns = {entries.attribute: "labels", **{name.removeprefix(_FURTHER): name for name in further}}
    chosen = entry.attribute or entries.attribute
    if chosen not in columns:
        if not rows.empty:
            raise MedhashError(
                f"it has no labels under the attribute {chosen}", f"set attribute to {' or '.join(columns)}"
            )
        chosen = entries.attribute
    frame = rows.drop(columns=[*columns.values(), *(["regions"] if "regions" in rows else [])])
    for attribute, column in columns.items():
        if attribute not in (chosen, _PATHOLOGY):
            frame[f"{_FURTHER}{attribute}"] = rows[column]
    frame["labels"] = [_renamed(text, entry.labels) for text in rows[columns[chosen]].fillna("")]
    frame[f"{_FURTHER}archive"] = entry.name
    frame["source_name"] = [joined_file(entry.name, name) for name in rows["source_name"]]
    for column in ("patient", "study", *(["bag"] if "bag" in rows else [])):
        frame[column] = [joined_number(entry.name, number) for number in rows[column]]
    frame["modality"] = entry.modality or rows.get("modality", entries.modality)
    frame["organ"] = entry.organ or rows.get("organ", entries.organ)
    _require_known(frame, entry)
    return frame


def _renamed(text: str, labels: dict[str, str | None]) -> str:
    """`A|B` with each label under its new name, once; those that are not known any more are left out."""
    names = [labels.get(label, label) for part in text.split("|") if (label := part.strip())]
    return "|".join(dict.fromkeys(name for name in names if name))


def _require_known(frame: pd.DataFrame, entry: MixedArchive) -> None:
    for column, given, nothing in (("modality", entry.modality, ""), ("organ", entry.organ, "unknown")):
        if given is None and not frame.empty and (frame[column] == nothing).all():
            raise MedhashError(
                f"its reader knows no {column} of any image",
                f"give {column}" + ("; `organ: unknown` if it is unknown" if column == "organ" else ""),
            )


def _joined_rejection(joined: Joined, number: int, rejection: Rejection) -> Rejection:
    """Row numbers in its detail are those of its own archive, whose name precedes them."""
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
