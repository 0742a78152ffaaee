"""What came, changed and went since the last run, told by the tables of both."""

import pyarrow as pa

from components.contracts import IMAGES, read_table
from components.errors import MedhashError
from components.ingest.forgotten import forgotten_digest
from components.workspace import Workspace


def last_images(workspace: Workspace) -> pa.Table | None:
    """The images of the last run: image_id, patient_id, sha256; None where there is no table to compare with.

    A damaged table is none: this run replaces it.
    """
    if not workspace.images.exists():
        return None
    try:
        return read_table(workspace.images, IMAGES).select(["image_id", "patient_id", "sha256"])
    except MedhashError:
        return None


def compared(last: pa.Table | None, images: pa.Table, forgotten: frozenset[str]) -> str:
    """A line: images that are new, whose file is another than in the last run, and that are gone from the archive.

    Images of forgotten patients are not counted as gone: they may still be there.
    """
    if last is None:
        return f"new {len(images)}, changed 0, withdrawn 0 images: there is no last run to compare with"
    left_out = {patient for patient in last["patient_id"].unique().to_pylist()
                if forgotten and forgotten_digest(patient) in forgotten}
    before, now = (dict(zip(table["image_id"].to_pylist(), table["sha256"].to_pylist(), strict=True))
                   for table in (last, images))
    patient_of = dict(zip(last["image_id"].to_pylist(), last["patient_id"].to_pylist(), strict=True))
    n_changed = sum(image_id in before and before[image_id] != digest for image_id, digest in now.items())
    n_withdrawn = sum(image_id not in now and patient_of[image_id] not in left_out for image_id in before)
    return (f"new {len(now.keys() - before.keys())}, changed {n_changed}, withdrawn {n_withdrawn} images since the "
            "last run")
