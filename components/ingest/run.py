"""One run of ingest, from an archive to published tables."""

from collections import Counter
from contextlib import closing
from pathlib import Path

from components.errors import MedhashError
from components.ingest.cache import DecodeCache
from components.ingest.entries import REASONS, Entries, Rejection
from components.ingest.lock import only_ingest
from components.ingest.pool import n_workers
from components.ingest.publish import images_table, publish, rejected_table, sources_table, write_private
from components.ingest.scan import Scan, judge, scan_files
from components.ingest.sources.chosen import source_of
from components.params import IngestParams
from components.workspace import Workspace

_SHOWN = 10


def ingest(workspace: Workspace, settings: IngestParams, size_px: int, key: bytes) -> str:
    """Ingest the archive and say in a few lines what was taken.

    Raises MedhashError, with the last output untouched, where the archive cannot be read or where more than
    settings.max_rejected_share of the table's rows (rows and files without a row) are refused.
    """
    archive = workspace.root / settings.archive
    with only_ingest(workspace):
        return _ingest(workspace, archive, settings, size_px, key)


def _ingest(workspace: Workspace, archive: Path, settings: IngestParams, size_px: int, key: bytes) -> str:
    source = source_of(settings)
    entries = source.read_entries(archive, settings)
    if settings.metadata_only:
        return _take(workspace, settings, entries, None, None, size_px, key)
    with (closing(source.image_files(archive, settings)) as files,
          DecodeCache(workspace.decode_cache, size_px) as cache):
        scan = scan_files(files, entries, cache, size_px, settings.max_image_pixels, n_workers(settings.workers))
        return _take(workspace, settings, entries, scan, cache, size_px, key)


def _take(workspace: Workspace, settings: IngestParams, entries: Entries, scan: Scan | None,
          cache: DecodeCache | None, size_px: int, key: bytes) -> str:
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
    publish(workspace, images, rejected_table(rejections, key), cache, size_px)
    write_private(workspace, "sources.parquet", sources)
    n_patients = len(images["patient_id"].unique())
    lines = [f"{len(images)} images of {n_patients} patients, "
             + (f"decoded {scan.n_decoded}, reused {scan.n_reused}" if scan else "metadata only"),
             f"refused {len(rejections)}" + (f": {_counted(rejections)}" if rejections else "")]
    return "\n".join(lines)


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
