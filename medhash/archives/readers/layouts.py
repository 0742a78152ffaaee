"""From `ingest.source` of params.yaml to the module that reads that layout."""

import importlib
from collections.abc import Generator
from pathlib import Path
from typing import Protocol, cast

from medhash.archives.entries import Entries, SourceFile
from medhash.archives.known import Known
from medhash.core.params import IngestParams


class Reader(Protocol):
    """The two functions of a reader: every module readers/NAME.py for a layout NAME has them."""

    def read_entries(self, archive: Path, settings: IngestParams, known: Known | None = None) -> Entries:
        """The archive's table; known: headers that earlier runs read. Raises MedhashError where it cannot be read."""

    def image_files(self, archive: Path, settings: IngestParams, known: Known | None = None) -> Generator[SourceFile]:
        """Every image file of the archive, in any order; of what is known, without its bytes."""


def reader_of(settings: IngestParams) -> Reader:
    """The module `readers.NAME`; imported here, as each imports its own libraries."""
    return cast(Reader, importlib.import_module(f"medhash.archives.readers.{settings.source}"))
