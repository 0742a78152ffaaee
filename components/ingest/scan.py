"""The scan: every file of an archive gets its digest, and is decoded unless it was before."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from tqdm import tqdm

from components.ingest.pool import Wanted, decode_all
from medhash.archives.decode_cache import DecodeCache, Shape
from medhash.archives.entries import REASONS, Entries, Rejection, SourceFile
from medhash.archives.integrity import Unreadable
from medhash.archives.known import Known
from medhash.archives.preparation import Preparation, Regions


@dataclass
class Scan:
    """What was found: image name → digest of its file; file → its size and parts, or why it cannot be decoded."""

    regions: dict[str, Regions] = field(default_factory=dict)
    """Image name → the regions wanted of it, if any."""
    digests: dict[str, str] = field(default_factory=dict)
    shapes: dict[Wanted, Shape] = field(default_factory=dict)
    failures: dict[Wanted, Unreadable] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Image name → reason, of files whose bytes were not taken."""
    ambiguous: set[str] = field(default_factory=set)
    strays: set[str] = field(default_factory=set)
    """Names of files that no row describes."""
    n_decoded: int = 0
    n_reused: int = 0

    def wanted(self, name: str) -> Wanted:
        """The file of that name and the regions wanted of it. Raises KeyError where no file has the name."""
        return Wanted(self.digests[name], self.regions.get(name, ()))


def scan_files(
    files: Iterable[SourceFile],
    entries: Entries,
    cache: DecodeCache,
    preparation: Preparation,
    workers: int,
    known: Known | None = None,
    regions: dict[str, Regions] | None = None,
) -> Scan:
    """Hash all files, decode what the cache does not hold, and put it there. The files' order does not matter.

    known: stores the digest of each file that was read, for the next run. regions: of the names that have some.
    """
    scan = Scan(regions or {})
    wanted = set(entries.rows["source_name"])
    with tqdm(files, total=len(wanted), desc="ingest", unit="image", disable=None) as progress:
        new = _not_decoded_yet(progress, scan, entries.names, wanted, cache, known)
        with closing(decode_all(new, preparation, workers)) as decoded:
            for wanted_file, image in decoded:
                digest, regions_wanted = wanted_file
                if isinstance(image, Unreadable):
                    scan.failures[wanted_file] = image
                    cache.put_failure(digest, image, regions_wanted)
                else:
                    cache.put(digest, image, regions_wanted)
                    scan.shapes[wanted_file] = Shape(image.width, image.height, image.regions)
                    scan.n_decoded += 1
    cache.commit()
    return scan


def _not_decoded_yet(
    files: Iterable[SourceFile],
    scan: Scan,
    names: frozenset[str],
    wanted: set[str],
    cache: DecodeCache,
    known: Known | None,
) -> Iterator[tuple[Wanted, bytes]]:
    seen: set[Wanted] = set()
    for file in files:
        if file.name not in names:
            scan.strays.add(file.name)
        if known and not file.remembered and (file.name not in wanted or file.reason):
            known.put(file.place, "")
        if file.name not in wanted:
            continue
        if file.reason:
            scan.refused[file.name] = file.reason
            continue
        digest = file.remembered or hashlib.sha256(file.data).hexdigest()
        if known and not file.remembered:
            known.put(file.place, digest)
        if scan.digests.setdefault(file.name, digest) != digest:
            scan.ambiguous.add(file.name)
        request = Wanted(digest, scan.regions.get(file.name, ()))
        if request in seen:
            continue
        seen.add(request)
        if shape := cache.shape(*request):
            scan.shapes[request] = shape
            scan.n_reused += 1
        elif failure := cache.failure(*request):
            scan.failures[request] = failure
        else:
            yield request, file.data


def judge_files(entries: Entries, scan: Scan) -> list[Rejection]:
    """Rows without a usable file, files without a row, and later rows of files that are equal byte by byte."""
    rejections = [Rejection("no_row", REASONS["no_row"], source_name=name) for name in sorted(scan.strays)]
    first_with: dict[str, int] = {}
    for line, name in zip(entries.rows.index.tolist(), entries.rows["source_name"].tolist(), strict=True):
        digest = scan.digests.get(name)
        if name in scan.ambiguous:
            rejections.append(Rejection("ambiguous_file", REASONS["ambiguous_file"], line, name))
        elif name in scan.refused:
            reason = scan.refused[name]
            rejections.append(Rejection(reason, REASONS[reason], line, name))
        elif digest is None:
            rejections.append(Rejection("missing_image", REASONS["missing_image"], line, name))
        elif failure := scan.failures.get(scan.wanted(name)):
            rejections.append(Rejection(failure.reason, failure.detail, line, name))
        elif digest in first_with:
            rejections.append(Rejection("exact_duplicate", _comparison(entries, first_with[digest], line), line, name))
        else:
            first_with[digest] = line
    return rejections


def _comparison(entries: Entries, first: int, line: int) -> str:
    """How two rows of one file differ: other labels or another patient mean that one of the rows is wrong.

    Patients of two archives are never the same, so that there only labels are compared.
    """
    archive, other = (entries.archive_of(entries.rows["source_name"].loc[row]) for row in (line, first))
    compared = ["labels", "patient"] if archive == other else ["labels"]
    differing = [column for column in compared if entries.rows[column].loc[first] != entries.rows[column].loc[line]]
    return f"row {first}{f' of {other}' if archive != other else ''} has the same file; " + (
        f"they disagree in {' and '.join(differing)}"
        if differing
        else f"{' and '.join(compared)} {'agree' if len(compared) > 1 else 'are equal'}"
    )
