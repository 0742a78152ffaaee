"""One run of ingest, from an archive to published tables."""

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from components.ingest.bags import judge_bags
from components.ingest.changes import count_changes, last_images, require_few_withdrawn
from components.ingest.pool import n_workers
from components.ingest.publish import (
    bag_ids,
    images_table,
    publish_tables,
    rejected_table,
    sources_table,
    write_private,
)
from components.ingest.scan import Scan, judge_files, scan_files
from components.ingest.summary import counted_images, counted_refusals, too_many
from medhash.archives.decode_cache import DecodeCache
from medhash.archives.entries import Entries
from medhash.archives.forgotten import forgetting, read_forgotten
from medhash.archives.known import Known
from medhash.archives.lock import only_ingest
from medhash.archives.memo import BYTES, HEADER, FileMemo
from medhash.archives.preparation import Pointed, Preparation, Regions
from medhash.archives.pseudonyms import pseudonyms
from medhash.archives.reader_code import code_digest, reading_roots
from medhash.archives.readers.layouts import reader_of
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams
from medhash.core.workspace import Workspace

_REMEMBERING = (
    "components.ingest.scan:_not_decoded_yet",
    "medhash.archives.known:Known",
    "medhash.archives.memo:FileMemo",
)
"""What decides, with the readers, what is remembered of a file: other code's memories are not trusted."""


@dataclass(frozen=True)
class Exclusion:
    """An archive's table without the forgotten patients, and the names of the files that go with them."""

    entries: Entries
    names: frozenset[str]
    n_images: int
    n_patients: int


def leave_out(entries: Entries, is_forgotten: Callable[[str], bool]) -> Exclusion:
    """Take out the rows and the refusals of forgotten patients.

    A refused row may not say whose it is: it goes if any patient it might be about is forgotten. A refusal of another
    patient's row goes too if it names a file of a forgotten one.
    """
    patients = {patient for patient in entries.rows["patient"].unique() if is_forgotten(patient)}
    gone = entries.rows["patient"].isin(patients)
    names = set(entries.rows.loc[gone, "source_name"])
    names |= {
        rejection.source_name
        for rejection in entries.rejections
        if rejection.source_name and any(map(is_forgotten, rejection.patients))
    }
    names -= set(entries.rows.loc[~gone, "source_name"])
    kept = [
        rejection
        for rejection in entries.rejections
        if rejection.source_name not in names and not any(map(is_forgotten, rejection.patients))
    ]
    n_out = int(gone.sum()) + len(entries.rejections) - len(kept)
    return Exclusion(
        replace(entries, rows=entries.rows[~gone], rejections=kept, n_rows=entries.n_rows - n_out),
        frozenset(names),
        int(gone.sum()),
        len(patients),
    )


def preparation_of(entries: Entries, settings: IngestParams, size_px: int) -> Preparation:
    """The preparation of an archive's files. Raises MedhashError where stains are to be normalised in greys."""
    if settings.stain != "none" and entries.channels != 3:
        raise MedhashError(
            f"ingest.stain: {settings.stain} changes colours, but the images of {entries.table} are taken as greys",
            "set ingest.stain to none, or take a source that keeps colours",
        )
    return Preparation(
        size_px,
        settings.max_image_pixels,
        entries.channels,
        0 if settings.cut.into == "whole" else settings.cut.grid,
        settings.stain,
    )


def asked_regions(entries: Entries, settings: IngestParams) -> dict[str, Regions]:
    """Image name → the regions that ingest.cut.into: regions takes of it; names without regions are left out.

    Raises MedhashError if regions are wanted and the archive's table points at none.
    """
    if settings.cut.into != "regions":
        return {}
    if "regions" not in entries.rows:
        raise MedhashError(
            f"ingest.cut.into: regions, but {entries.table} points at no region of its images",
            "set ingest.cut.into to grid or whole",
        )
    frame = entries.frame or (0, 0)
    return {
        name: tuple(Pointed(int(x), int(y), int(w), int(h), *frame) for x, y, w, h in regions)
        for name, regions in zip(entries.rows["source_name"], entries.rows["regions"], strict=True)
        if isinstance(regions, tuple | list) and len(regions)
    }


def ingest(workspace: Workspace, settings: IngestParams, size_px: int, key: bytes) -> str:
    """Ingest the archive and say in a few lines what was taken.

    Unchanged files are neither read nor decoded again (medhash/archives/memo.py says what is trusted). Patients of
    data/forgotten.txt are left out. What the archive no longer holds leaves the caches.
    Raises MedhashError if the archive cannot be read, if more than settings.max_rejected_share of its rows are refused
    (files without a row count too), or if more than settings.max_withdrawn_share of the last run's images are gone.
    The last output then stays untouched.
    """
    archive = workspace.root / settings.archive
    with only_ingest(workspace):
        digests = read_forgotten(workspace)
        # a tar's members are remembered under the names that its reader gives them, so another reader reads anew
        readers = [settings.source, *(f"{joined.archive} {joined.source}" for joined in settings.mixed.archives)]
        stamp = hashlib.sha256(
            "\n".join(
                [
                    code_digest(*_REMEMBERING, *reading_roots(settings)),
                    *readers,
                    str(settings.max_image_pixels),
                    *pseudonyms(key, "memo", [""]),
                    *sorted(digests),
                ]
            ).encode()
        )
        with FileMemo(workspace.file_memo, stamp.hexdigest()) as memo:
            return _ingest(workspace, archive, settings, size_px, key, digests, memo)


def _ingest(
    workspace: Workspace,
    archive: Path,
    settings: IngestParams,
    size_px: int,
    key: bytes,
    digests: frozenset[str],
    memo: FileMemo,
) -> str:
    source, is_forgotten = reader_of(settings), forgetting(digests, key)
    exclusion = leave_out(source.read_entries(archive, settings, Known(memo, HEADER, is_forgotten)), is_forgotten)
    entries, notes = exclusion.entries, []
    if exclusion.n_images:
        notes.append(f"left out {exclusion.n_images} images of {exclusion.n_patients} forgotten patients")
    last = last_images(workspace)

    def require(images: pa.Table, refused: set[str]) -> None:
        require_few_withdrawn(last, images, refused, digests, settings.max_withdrawn_share)

    preparation, regions = preparation_of(entries, settings, size_px), asked_regions(entries, settings)
    if settings.metadata_only:
        images, lines = _take(workspace, settings, entries, None, None, preparation, key, require)
    else:
        with DecodeCache(workspace.decode_cache, preparation) as cache:
            wanted = frozenset(entries.rows["source_name"])
            known = Known(
                memo,
                BYTES,
                wanted=wanted,
                skips=_skipping(exclusion, wanted, is_forgotten),
                usable=lambda digest, name: cache.knows(digest, regions.get(name, ())),
            )
            with closing(source.image_files(archive, settings, known)) as files:
                scan = scan_files(files, entries, cache, preparation, n_workers(settings.workers), known, regions)
            images, lines = _take(workspace, settings, entries, scan, cache, preparation, key, require)
            cache.keep_only(set(scan.digests.values()))
    memo.settle()
    return "\n".join([*lines, count_changes(last, images, digests), *notes])


def _skipping(
    exclusion: Exclusion, wanted: frozenset[str], is_forgotten: Callable[[str], bool]
) -> Callable[[str], bool]:
    """Whether a file is a forgotten patient's: by its row, or where no good row describes it, by its name."""
    patients_of = exclusion.entries.patients_of
    return lambda name: name in exclusion.names or (name not in wanted and any(map(is_forgotten, patients_of(name))))


def _take(
    workspace: Workspace,
    settings: IngestParams,
    entries: Entries,
    scan: Scan | None,
    cache: DecodeCache | None,
    preparation: Preparation,
    key: bytes,
    require: Callable[[pa.Table, set[str]], None],
) -> tuple[pa.Table, list[str]]:
    rejections = entries.rejections + (entries.with_archive(judge_files(entries, scan)) if scan else [])
    rejections += entries.with_archive(judge_bags(entries, scan, rejections, settings.bags.max_size))
    if entries.rows.empty and not rejections:
        raise MedhashError(
            f"{entries.table}: there is no row to take",
            "see that ingest.archive holds the whole archive"
            + ("; ingest.openi.frontal may leave out every image" if settings.source == "openi" else "")
            + "; the last good tables are untouched",
        )
    sources = sources_table(entries, rejections, key)
    refused_rows = {rejection.source_row for rejection in rejections if rejection.source_row is not None}
    refused = entries.rows[entries.rows.index.isin(refused_rows)]
    if len(refused) == len(entries.rows) or len(rejections) > settings.max_rejected_share * entries.n_rows:
        private = write_private(workspace, "refused.parquet", sources)
        raise too_many(entries, rejections, settings, private)
    images = images_table(entries, scan, refused_rows, key)
    rejected = rejected_table(rejections, key)
    require(images, {*rejected["image_id"].drop_null().to_pylist(), *bag_ids(refused, key)})
    taken = entries.rows["source_name"].drop(refused.index)
    files = {wanted: scan.shapes[wanted] for wanted in map(scan.wanted, taken)} if scan else {}
    publish_tables(workspace, images, rejected, cache, preparation, files)
    write_private(workspace, "sources.parquet", sources)
    return images, [
        f"{counted_images(images)}, "
        + (f"decoded {scan.n_decoded}, reused {scan.n_reused}" if scan else "metadata only"),
        f"refused {counted_refusals(entries, rejections)}",
    ]
