"""The archives that are joined: each with its folder, its reader and the settings that it is read with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.errors import MedhashError
from components.ingest.sources.chosen import Source, source_of
from components.ingest.sources.terms import require_terms
from components.params import IngestParams
from components.params_mixed import MixedArchive, settings_of


@dataclass(frozen=True)
class Joined:
    """One of the archives. name: the entry's; folder: where it lies, a folder or a tar."""

    name: str
    entry: MixedArchive
    folder: Path
    settings: IngestParams
    reader: Source


def joined_archives(archive: Path, settings: IngestParams) -> list[Joined]:
    """The archives of ingest.mixed.archives, in their order. Raises MedhashError where there is none, where one is
    absent, lies in another, or has a modality or an organ that nobody knows."""
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
        own = settings_of(settings, entry)
        found.append(Joined(entry.name, entry, folder, own, source_of(own)))
    _require_apart(found)
    return found


@contextmanager
def explained(joined: Joined) -> Iterator[None]:
    """Whatever a reader says of its archive names the archive, too."""
    try:
        yield
    except MedhashError as error:
        raise MedhashError(
            f"archive {joined.name} of ingest.mixed: {error.problem}",
            f"in the entry {joined.name} of ingest.mixed.archives: {error.fix}",
        ) from error


def _require_apart(found: list[Joined]) -> None:
    """An archive that is read twice would count every patient as two, which folds would not keep together."""
    for number, joined in enumerate(found):
        for earlier in found[:number]:
            paths = [one.folder.resolve() for one in (joined, earlier)]
            if paths[0].is_relative_to(paths[1]) or paths[1].is_relative_to(paths[0]):
                raise MedhashError(
                    f"ingest.mixed.archives: {earlier.name} and {joined.name} are one folder, or one lies in the other",
                    "give each archive a folder of its own, and name it once",
                )
