"""Take images that left the archive out of the releases."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from medhash.core import tracking
from medhash.core.contracts import IMAGES, RELEASED, read_table
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.releases.audit import append
from medhash.releases.erasure.derived import remove_copies
from medhash.releases.erasure.releases import delete, remake
from medhash.releases.erasure.store import HeldRelease, fetch_tables, held_releases
from medhash.releases.registry import Registry
from medhash.releases.staging import staging

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow import MlflowClient


def withdraw(workspace: Workspace, params: Params) -> str:
    """Remake the releases in use without images that images.parquet no longer has; returns a summary.

    Versions that no alias points to and that hold such an image are deleted. Only versions of promote.name count:
    others in the same MLflow may be of other archives. A version of whose images none is left belongs to another
    archive, or to another pseudonym key. It stays as it is, and the summary names it. The alias `champion` moves last;
    if this is cut off, the same call finishes it. Raises MedhashError if another change of the champion is under way,
    or a release cannot be remade.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # read by MLflow as it is imported
    today = _names(read_table(workspace.images, IMAGES))
    with tracking.answered():
        registry = Registry(tracking.connect(workspace), params.promote.name)
    with tracking.answered(), staging(workspace, registry) as folder:
        gone, others = _withdrawn(registry.client, registry.name, today, folder)
        left = (
            f"\nleft unchanged, because of another archive or pseudonym key: version {', '.join(others)}"
            if others
            else ""
        )
        if not gone:
            return f"every image of {'the other releases' if others else 'every release'} is still in the archive{left}"
        images = sorted({image_id for image_ids in gone.values() for image_id in image_ids})
        in_use = set(registry.aliases().values()) & {str(held.version) for held in gone}
        n_deleted = len(gone) - len(in_use)
        append(
            workspace,
            "withdraw",
            {
                "model": registry.name,
                "images": len(images),
                "made_anew": sorted(in_use),
                "deleted": sorted(str(held.version) for held in gone),
            },
        )
        made = remake(workspace, registry, {str(held.version): image_ids for held, image_ids in gone.items()}, folder)
        remove_copies(workspace)
        for held in gone:
            delete(registry.client, held)
    text = ", ".join(f"{old} as {new}" for old, new in made.items())
    return (
        f"{len(images):,} images that left the archive left the releases too: {len(made)} versions in use were "
        f"remade{f' ({text})' if text else ''}, {n_deleted} others deleted{left}"
    )


def _names(images: "pa.Table") -> dict[str, tuple[str, str | None]]:
    """Image id → the image's patient and file."""
    return {
        row["image_id"]: (row["patient_id"], row["sha256"])
        for row in images.select(["image_id", "patient_id", "sha256"]).to_pylist()
    }


def _withdrawn(
    client: "MlflowClient", name: str, today: dict[str, tuple[str, str | None]], folder: Path
) -> tuple[dict[HeldRelease, list[str]], list[str]]:
    """The versions that hold images which are no longer there, and these images; the versions that hold no other.

    A part of a file that is cut otherwise today has another id, but its patient's file has not left the archive.
    """
    files = {file for file in today.values() if file[1] is not None}
    found, others = {}, []
    for number, held in enumerate(held_releases(client)):
        if held.name != name:
            continue
        tables = fetch_tables(held, folder / f"tables-{number}")
        path = tables / held.release / "images.parquet"
        images = _names(read_table(path, RELEASED)) if path.exists() else {}
        gone = sorted(image_id for image_id, file in images.items() if image_id not in today and file not in files)
        if gone and len(gone) == len(images):
            others.append(str(held.version))
        elif gone:
            found[held] = gone
        shutil.rmtree(tables)
    return found, sorted(others, key=int)
