"""What a run of ingest opens, and files old enough that their time of change can be trusted."""

import builtins
import io
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LONG_AGO = 1_700_000_000


@contextmanager
def opened_files() -> Iterator[Counter[str]]:
    """Count, by name, every file that is opened; sqlite opens its own."""
    counts: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patched:
        for module, name in ((builtins, "open"), (io, "open"), (os, "open")):
            real = getattr(module, name)

            def counting(path, *arguments, real=real, **options):
                counts[Path(os.fsdecode(path)).name if isinstance(path, str | bytes | os.PathLike) else ""] += 1
                return real(path, *arguments, **options)

            patched.setattr(module, name, counting)
        yield counts


def age(folder: Path, seconds: int = LONG_AGO) -> None:
    """Give every file the same, older time of change."""
    for path in folder.rglob("*"):
        os.utime(path, (seconds, seconds))
