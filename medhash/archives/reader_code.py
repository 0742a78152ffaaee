"""Which code reads an archive, so that a change of one layout's reader concerns no archive of another layout."""

from medhash.core.own_code import own_code
from medhash.core.params import IngestParams

CUTS = ("medhash.archives.readers.layouts:reader_of", "medhash.archives.reader_code:*")
"""What leads to every reader."""


def layouts_of(settings: IngestParams) -> list[str]:
    """The layouts that ingest.source reads: itself and, of several archives that are joined, theirs."""
    joined = settings.mixed.archives if settings.source == "mixed" else []
    return list(dict.fromkeys([settings.source, *(archive.source for archive in joined)]))


def reading_roots(settings: IngestParams) -> list[str]:
    """The definitions that the layouts' readers offer."""
    return [
        f"medhash.archives.readers.{layout}:{name}"
        for layout in layouts_of(settings)
        for name in ("read_entries", "image_files")
    ]


def code_digest(*roots: str) -> str:
    """SHA-256 over the code that these definitions reach, without the readers that are chosen by layout."""
    return own_code(*CUTS).fingerprint(roots)
