"""The lines of a CSV that somebody else made: plain or packed, with line breaks in quoted cells, or not readable."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from components.errors import MedhashError


def csv_lines(path: Path, delimiter: str, fix: str) -> Iterator[tuple[int, list[str]]]:
    """The line that each row begins on, and its cells without what surrounds their text; the header comes first.

    Lines without anything are passed over. Raises MedhashError, with this fix, where the file is no CSV in UTF-8.
    """
    line = 1
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, delimiter=delimiter, strict=True)
            yield line, [title.strip() for title in next(reader, [])]
            line = reader.line_num + 1
            for row in reader:
                if any("\0" in cell for cell in row):
                    raise csv.Error
                if row:
                    yield line, [cell.strip() for cell in row]
                line = reader.line_num + 1
    except (csv.Error, UnicodeDecodeError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise MedhashError(
                f"{path} cannot be read: {error.strerror}", "mend its permissions or its disk"
            ) from error
        raise MedhashError(f"{path}, line {line}: not readable as CSV text ({type(error).__name__})", fix) from None
