"""The codes that a release's model gives today's images: released codes where the file is the same, else anew."""

from pathlib import Path
from typing import TYPE_CHECKING

from components.contracts import IMAGES, RELEASED, read_table
from components.errors import MedhashError
from components.params import Params
from components.promote.preprocessing import preprocessing_today
from components.promote.release import IMAGES_FILE, read_release
from components.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from components.encode.encode import KnownCode


def write_codes_today(workspace: Workspace, params: Params, release: Path, path: Path) -> int:
    """Write the code table of today's bags by the model of a release folder; returns how many it encoded now.

    Bags whose images' files are what they were keep their released codes. Raises MedhashError if the model cannot
    encode the others, as where the size of the images has changed.
    """
    import torch

    from components.encode.encode import encode_bags, write_codes
    from components.hashing.model import load_model

    torch.set_num_threads(params.train.threads)
    model, known = load_model(release / "model"), _known_codes(workspace, params, release)
    try:
        encoded = encode_bags(
            workspace, model, instances=params.encode.instances, known=known, confidence=params.encode.confidence
        )
    except MedhashError as error:
        raise MedhashError(
            f"the champion cannot encode the images of this run, so it cannot be compared: {error.problem}",
            f"{error.fix}; or `medhash promote --force --reason …` puts this run's "
            "best model in its place without comparing them",
        ) from error
    write_codes(path, model, encoded)
    return len(set(encoded.members.bag_ids.tolist()) - known.keys())


def _known_codes(workspace: Workspace, params: Params, release: Path) -> dict[str, "KnownCode"]:
    """Bag id → released code, of bags whose images, files and preparation are what they were at the release."""
    from components.encode.encode import KnownCode
    from components.index.code_table import read_codes

    if read_release(release).preprocessing != preprocessing_today(workspace, params):
        return {}
    then, now = (
        _files(table) for table in (read_table(release / IMAGES_FILE, RELEASED), read_table(workspace.images, IMAGES))
    )
    known = {}
    for row in read_codes(release / "codes.parquet").to_pylist():
        files = now.get(row["bag_id"], {})
        if files and files == then.get(row["bag_id"]) and None not in files.values():
            instances = [one["code"] for one in row["instances"]] if row["instances"] is not None else None
            known[row["bag_id"]] = KnownCode(row["code"], instances, row.get("confidence"), row.get("membership"))
    return known


def _files(images: "pa.Table") -> dict[str, dict[str, str | None]]:
    """Bag id → image id → SHA-256 of its file."""
    found: dict[str, dict[str, str | None]] = {}
    for row in images.select(["bag_id", "image_id", "sha256"]).to_pylist():
        found.setdefault(row["bag_id"], {})[row["image_id"]] = row["sha256"]
    return found
