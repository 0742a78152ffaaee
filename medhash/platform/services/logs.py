"""Logs of services that never end: kept under a size, the older part beside the newer."""

import os
import shutil
from pathlib import Path

MAX_BYTES = 10_000_000
KEPT = 5
"""NAME.log and NAME.log.1 (younger) … NAME.log.5."""


def rotate(log: Path, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> bool:
    """Move a log's text into NAME.log.1 once it is longer than max_bytes, and empty it; was that due?

    The file stays the one that the service writes to (it appends), so nobody needs to be told. What is written
    between the copy and the cut is lost: a line or two, in 10 MB.
    """
    if not log.exists() or log.stat().st_size <= max_bytes:
        return False
    for number in range(kept - 1, 0, -1):
        older = _numbered(log, number)
        if older.exists():
            older.replace(_numbered(log, number + 1))
    shutil.copyfile(log, _numbered(log, 1))
    os.truncate(log, 0)
    return True


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
