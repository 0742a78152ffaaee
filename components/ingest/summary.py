"""What a run of ingest says: what was taken, what was refused, and when too much was."""

from collections import Counter
from pathlib import Path

import pyarrow as pa

from components.ingest.bags import n_lost
from medhash.archives.entries import REASONS, Entries, Rejection
from medhash.core.errors import MedhashError
from medhash.core.params import IngestParams

_SHOWN = 10


def counted_images(images: pa.Table) -> str:
    """Images (and the files whose parts they are), patients and, where a bag has several images, bags."""
    n_whole = images["region"].null_count
    n_files = n_whole + len(images.filter(images["region"].is_valid())["sha256"].unique())
    parts = f"{len(images)} parts of " if n_whole < len(images) else ""
    counted = f"{parts}{n_files} images of {len(images['patient_id'].unique())} patients"
    sizes = Counter(images["bag_id"].to_pylist()).values()
    if max(sizes) == 1:
        return counted
    return f"{counted} in {len(sizes)} bags ({min(sizes)} to {max(sizes)} {'parts' if parts else 'images'})"


def counted_refusals(entries: Entries, rejections: list[Rejection]) -> str:
    """`3: 2 truncated, 1 empty`, and how many bags were lost whole."""
    counts = Counter(rejection.reason for rejection in rejections)
    lost = n_lost(entries, {rejection.source_row for rejection in rejections if rejection.source_row is not None})
    return (
        f"{len(rejections)}"
        + (": " if counts else "")
        + ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
        + (f"; {lost} bag{' was' if lost == 1 else 's were'} lost whole" if lost else "")
    )


def too_many(entries: Entries, rejections: list[Rejection], settings: IngestParams, private: Path) -> MedhashError:
    rows = sorted(
        (rejection.source_row, rejection.reason, rejection.detail)
        for rejection in rejections
        if rejection.source_row is not None
    )
    faults = [
        f"row {row}: {reason}" + (f" ({detail})" if detail != REASONS[reason] else "") for row, reason, detail in rows
    ]
    # A line of a table of labels has no row; its number is in the detail.
    faults += [
        f"{rejection.reason} ({rejection.detail})"
        for rejection in rejections
        if rejection.source_row is None and rejection.detail != REASONS[rejection.reason]
    ]
    first = "; ".join(faults[:_SHOWN])
    share = len(rejections) / max(entries.n_rows, 1)
    return MedhashError(
        f"{entries.table}: {len(rejections)} refused against {entries.n_rows} rows ({share:.1%}, "
        f"ingest.max_rejected_share allows {settings.max_rejected_share:.1%}): {counted_refusals(entries, rejections)}"
        + (f"; the first: {first}" if first else ""),
        f"names and reasons are in {private}; fix the archive, or raise ingest.max_rejected_share if this loss is "
        "acceptable"
        + (
            "; where images are still to come, index the table alone with --metadata-only"
            if any(reason == "missing_image" for _, reason, _ in rows)
            else ""
        )
        + "; the last good tables are untouched",
    )
