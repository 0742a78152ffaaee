"""CSV tables as published: columns are found by their titles, rows are named by the line they begin on."""

import csv
import difflib
import gzip
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from medhash.core.errors import MedhashError


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
            raise MedhashError(f"{path} cannot be read: {error.strerror}", "fix its permissions or its disk") from error
        raise MedhashError(f"{path}, line {line}: not readable as CSV text ({type(error).__name__})", fix) from None


def plain_or_packed(folder: Path, name: str) -> Path | None:
    """The file `name` or `name`.gz in a folder or a direct subfolder; None where there is neither."""
    return next(
        (
            path
            for spelling in (name, f"{name}.gz")
            for pattern in (spelling, f"*/{spelling}")
            for path in sorted(folder.glob(pattern))
            if path.is_file()
        ),
        None,
    )


def read_rows(
    path: Path, columns: Mapping[str, tuple[str, ...]], delimiter: str = ","
) -> Iterator[tuple[int, dict[str, str] | list[str]]]:
    """Line and cells of each row by name; a row whose number of fields differs from the header comes as a list.

    columns: name → titles it is published under, whatever the case of their letters. Others are not read. Quoted cells
    may hold line breaks; what surrounds a cell's text is cut off. Blank lines are passed over.
    Raises MedhashError where the file is no CSV in UTF-8, or where a column is missing or occurs twice.
    """
    lines = csv_lines(path, delimiter, f"restore the table as published (CSV, UTF-8, separated by {delimiter!r})")
    header = next(lines)[1]
    places = find_columns(path, header, columns)
    for line, row in lines:
        if len(row) == len(header):
            yield line, {name: row[place] for name, place in places.items()}
        elif any(row):
            yield line, row


def find_columns(
    path: Path,
    header: list[str],
    columns: Mapping[str, tuple[str, ...]],
    fix: str = "give the column its published name, or restore the table as published",
) -> dict[str, int]:
    """Position of each column in the header, by name. columns: as in read_rows.

    Raises MedhashError, with this fix, where a column is missing, and where it occurs twice.
    """
    lowered = {name: [title.lower() for title in titles] for name, titles in columns.items()}
    published = {title for titles in lowered.values() for title in titles}
    unknown = {title.lower(): title for title in header if title.lower() not in published}
    positions = {}
    for name, titles in columns.items():
        found = [position for position, title in enumerate(header) if title.lower() in lowered[name]]
        if len(found) > 1:
            raise MedhashError(f"{path}: column {titles[0]!r} occurs twice", "remove one of them")
        if not found:
            near = difflib.get_close_matches(lowered[name][0], unknown, n=1, cutoff=0.6)
            raise MedhashError(
                f"{path}: column {' or '.join(map(repr, titles))} is missing"
                + (f"; the nearest name found is {unknown[near[0]]!r}" if near else ""),
                fix,
            )
        positions[name] = found[0]
    return positions
