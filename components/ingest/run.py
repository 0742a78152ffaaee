"""One run of ingest, from an archive to published tables."""

import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from components.errors import MedhashError
from components.ingest.cache import DecodeCache
from components.ingest.changes import compared, last_images, require_few_withdrawn
from components.ingest.entries import REASONS, Entries, Rejection
from components.ingest.exclusion import Exclusion, leave_out
from components.ingest.forgotten import forgetting, read_forgotten
from components.ingest.known import Known, code_digest
from components.ingest.lock import only_ingest
from components.ingest.memo import BYTES, HEADER, FileMemo
from components.ingest.pool import n_workers
from components.ingest.pseudonyms import pseudonyms
from components.ingest.publish import images_table, publish, rejected_table, sources_table, write_private
from components.ingest.scan import Scan, judge, scan_files
from components.ingest.sources.chosen import source_of
from components.params import IngestParams
from components.workspace import Workspace

_SHOWN = 10


def ingest(workspace: Workspace, settings: IngestParams, size_px: int, key: bytes) -> str:
    """Ingest the archive and say in a few lines what was taken.

    What has not changed since the last run is neither read nor decoded (components/ingest/memo.py says what is
    trusted); patients of data/forgotten.txt are left out, and what the archive no longer holds leaves the caches.
    Raises MedhashError, with the last output untouched, where the archive cannot be read or where more than
    settings.max_rejected_share of the table's rows (rows and files without a row) are refused, or more than
    settings.max_withdrawn_share of the last run's images are gone.
    """
    archive = workspace.root / settings.archive
    with only_ingest(workspace):
        digests = read_forgotten(workspace)
        stamp = hashlib.sha256("\n".join([
            code_digest(), str(settings.max_image_pixels), *pseudonyms(key, "memo", [""]), *sorted(digests)]).encode())
        with FileMemo(workspace.file_memo, stamp.hexdigest()) as memo:
            return _ingest(workspace, archive, settings, size_px, key, digests, memo)


def _ingest(workspace: Workspace, archive: Path, settings: IngestParams, size_px: int, key: bytes,
            digests: frozenset[str], memo: FileMemo) -> str:
    source, is_forgotten = source_of(settings), forgetting(digests, key)
    exclusion = leave_out(source.read_entries(archive, settings, Known(memo, HEADER, is_forgotten)), is_forgotten)
    entries, told = exclusion.entries, []
    if exclusion.n_images:
        told.append(f"left out {exclusion.n_images} images of {exclusion.n_patients} forgotten patients")
    last = last_images(workspace)

    def require(images: pa.Table, rejected: pa.Table) -> None:
        require_few_withdrawn(last, images, rejected, digests, settings.max_withdrawn_share)

    if settings.metadata_only:
        images, lines = _take(workspace, settings, entries, None, None, size_px, key, require)
    else:
        with DecodeCache(workspace.decode_cache, size_px, settings.max_image_pixels) as cache:
            wanted = frozenset(entries.rows["source_name"])
            known = Known(memo, BYTES, wanted=wanted, usable=cache.knows,
                          skips=_skipping(exclusion, wanted, is_forgotten))
            with closing(source.image_files(archive, settings, known)) as files:
                scan = scan_files(files, entries, cache, size_px, settings.max_image_pixels,
                                  n_workers(settings.workers), known)
            images, lines = _take(workspace, settings, entries, scan, cache, size_px, key, require)
            cache.keep_only(set(scan.digests.values()))
    memo.settle()
    return "\n".join([*lines, compared(last, images, digests), *told])


def _skipping(exclusion: Exclusion, wanted: frozenset[str], is_forgotten: Callable[[str], bool]
              ) -> Callable[[str], bool]:
    """Whether a file is a forgotten patient's: by its row, or where no good row describes it, by its name."""
    patients_of = exclusion.entries.patients_of
    return lambda name: name in exclusion.names or (name not in wanted and any(map(is_forgotten, patients_of(name))))


def _take(workspace: Workspace, settings: IngestParams, entries: Entries, scan: Scan | None,
          cache: DecodeCache | None, size_px: int, key: bytes,
          require: Callable[[pa.Table, pa.Table], None]) -> tuple[pa.Table, list[str]]:
    rejections = entries.rejections + (judge(entries, scan) if scan else [])
    if entries.rows.empty and not rejections:
        raise MedhashError(f"{entries.table}: there is no row to take",
                           "see that ingest.archive holds the whole archive"
                           + ("; ingest.openi.frontal may leave out every image" if settings.source == "openi" else "")
                           + "; the last good tables are untouched")
    sources = sources_table(entries, rejections, key)
    refused_rows = {rejection.source_row for rejection in rejections if rejection.source_row is not None}
    n_taken = len(entries.rows) - len(refused_rows & set(entries.rows.index))
    if not n_taken or len(rejections) > settings.max_rejected_share * entries.n_rows:
        private = write_private(workspace, "refused.parquet", sources)
        raise _too_many(entries, rejections, settings, private)
    images = images_table(entries, scan, refused_rows, key)
    rejected = rejected_table(rejections, key)
    require(images, rejected)
    publish(workspace, images, rejected, cache, size_px)
    write_private(workspace, "sources.parquet", sources)
    n_patients = len(images["patient_id"].unique())
    lines = [f"{len(images)} images of {n_patients} patients, "
             + (f"decoded {scan.n_decoded}, reused {scan.n_reused}" if scan else "metadata only"),
             f"refused {len(rejections)}" + (f": {_counted(rejections)}" if rejections else "")]
    return images, lines


def _too_many(entries: Entries, rejections: list[Rejection], settings: IngestParams, private: Path) -> MedhashError:
    rows = sorted((rejection.source_row, rejection.reason, rejection.detail) for rejection in rejections
                  if rejection.source_row is not None)
    told = [f"row {row}: {reason}" + (f" ({detail})" if detail != REASONS[reason] else "")
            for row, reason, detail in rows]
    # A line of a table of labels has no row; its number stands in the detail.
    told += [f"{rejection.reason} ({rejection.detail})" for rejection in rejections
             if rejection.source_row is None and rejection.detail != REASONS[rejection.reason]]
    first = "; ".join(told[:_SHOWN])
    share = len(rejections) / max(entries.n_rows, 1)
    return MedhashError(
        f"{entries.table}: {len(rejections)} refused against {entries.n_rows} rows ({share:.1%}, "
        f"ingest.max_rejected_share allows {settings.max_rejected_share:.1%}): {_counted(rejections)}"
        + (f"; the first: {first}" if first else ""),
        f"names and reasons are in {private}; mend the archive, or raise ingest.max_rejected_share if this loss is "
        "acceptable" + ("; where images are still to come, index the table alone with --metadata-only" if any(
            reason == "missing_image" for _, reason, _ in rows) else "") + "; the last good tables are untouched")


def _counted(rejections: list[Rejection]) -> str:
    counts = Counter(rejection.reason for rejection in rejections)
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
