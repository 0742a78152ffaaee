"""What the settings ask of an archive's files: how they are prepared, and which regions of them are taken."""

from components.errors import MedhashError
from components.ingest.entries import Entries
from components.ingest.preparation import Pointed, Preparation, Regions
from components.params import IngestParams


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

    Raises MedhashError if regions are asked for where the archive's table points at nothing in any image.
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
