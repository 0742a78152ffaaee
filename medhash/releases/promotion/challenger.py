"""The challenger for promotion, and the codes that the champion gives today's images."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from medhash.core.contracts import IMAGES, RELEASED, read_table
from medhash.core.documents import Metrics
from medhash.core.errors import MedhashError
from medhash.core.files import sha256_file
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.releases.assemble import preprocessing_today
from medhash.releases.release import IMAGES_FILE, read_release
from medhash.retrieval.evaluation.headline import by_validation

if TYPE_CHECKING:
    import pyarrow as pa

    from medhash.retrieval.encode import KnownCode


def write_codes_today(workspace: Workspace, params: Params, release: Path, path: Path) -> int:
    """Write the code table of today's bags by the model of a release folder; returns how many it encoded now.

    Bags whose images' files are what they were keep their released codes. Raises MedhashError if the model cannot
    encode the others, as where the size of the images has changed.
    """
    import torch

    from medhash.hashing.model import load_model
    from medhash.retrieval.encode import encode_bags, write_codes

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
    from medhash.retrieval.code_table import read_codes
    from medhash.retrieval.encode import KnownCode

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


class ChampionCodes(NamedTuple):
    codes: pa.Table
    """Contract of codes/METHOD.parquet."""
    how: str
    """Where they come from, in words."""


def pick_challenger(workspace: Workspace, params: Params, methods: list[str]) -> Metrics:
    """The method with the highest validation figure (params.choose_by); of equals, the first by name.

    Test figures play no part in the choice, so that they stay an honest measure of what was chosen.
    Raises MedhashError if there is no method to choose from, or no validation figure to choose by.
    """
    if not methods:
        raise MedhashError(
            "every method of params.yaml is a reference",
            "add a method that may be promoted, or take one out of quality.references",
        )
    measured = {method: Metrics.read(workspace.metrics(method) / "metrics.json") for method in methods}
    chosen_by = by_validation(measured, params)
    for method in methods:
        if method not in chosen_by:
            raise MedhashError(
                f"{method} has no validation {params.choose_by}, and promotion chooses its challenger by it",
                "give the val fold several patients that share labels (split.val_share in params.yaml), then "
                "`dvc repro`",
            )
    return measured[min(methods, key=lambda method: (-chosen_by[method], method))]


def champion_codes(workspace: Workspace, params: Params, champion: Path, challenger: Path) -> ChampionCodes:
    """The champion's codes of the images that the challenger was measured on.

    champion, challenger: release folders. Where both were made from the same files, patients, folds and labels, the
    champion's released codes are taken; otherwise its model encodes the current images.
    Raises MedhashError if it cannot, as where the size of the images has changed.
    """
    from medhash.retrieval.code_table import read_codes

    ours, theirs = read_release(challenger), read_release(champion)
    same_data = (
        ours.evaluation_digest == theirs.evaluation_digest
        and ours.preprocessing == theirs.preprocessing
        and sha256_file(challenger / IMAGES_FILE) == sha256_file(champion / IMAGES_FILE)
    )
    if same_data:
        return ChampionCodes(
            read_codes(champion / "codes.parquet"), "by its released codes, as the images are the same"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.parquet"
        n_encoded = write_codes_today(workspace, params, champion, path)
        return ChampionCodes(read_codes(path), f"by its model, which encoded {n_encoded:,} new or changed images now")
