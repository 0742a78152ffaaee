"""Who stands for promotion, and the codes that the champion gives today's images."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from components.documents import Metrics
from components.errors import MedhashError
from components.files import sha256_file
from components.params import Params
from components.promote.codes_today import write_codes_today
from components.promote.release import IMAGES_FILE, read_release
from components.workspace import Workspace


class RivalCodes(NamedTuple):
    codes: pa.Table
    """Contract of codes/METHOD.parquet."""
    how: str
    """Where they come from, in words."""


def pick_challenger(workspace: Workspace, methods: list[str]) -> Metrics:
    """The method with the highest MAP on validation patients; of equals, the first by name.

    Test figures play no part in the choice, so that they stay an honest measure of what was chosen.
    Raises MedhashError if there is no method to choose from, or no validation figure to choose by.
    """
    if not methods:
        raise MedhashError(
            "every method of params.yaml is a reference",
            "add a method that may be promoted, or take one out of quality.references",
        )
    measured = [Metrics.read(workspace.metrics(method) / "metrics.json") for method in methods]
    chosen_by: dict[str, float] = {}
    for metrics in measured:
        if metrics.validation_map is None:
            raise MedhashError(
                f"{metrics.method} has no validation MAP, and promotion chooses its challenger by it",
                "set split.val_share above 0 in params.yaml, then `dvc repro`",
            )
        chosen_by[metrics.method] = metrics.validation_map
    return min(measured, key=lambda metrics: (-chosen_by[metrics.method], metrics.method))


def champion_codes(workspace: Workspace, params: Params, champion: Path, challenger: Path) -> RivalCodes:
    """The champion's codes of the images that the challenger was measured on.

    champion, challenger: release folders. Where both were made from the same files, patients, folds and labels, the
    champion's released codes are taken; otherwise its model encodes the images that lie here now.
    Raises MedhashError if it cannot, as where the size of the images has changed.
    """
    from components.index.code_table import read_codes

    ours, theirs = read_release(challenger), read_release(champion)
    same_data = (
        ours.evaluation_digest == theirs.evaluation_digest
        and ours.preprocessing == theirs.preprocessing
        and sha256_file(challenger / IMAGES_FILE) == sha256_file(champion / IMAGES_FILE)
    )
    if same_data:
        return RivalCodes(read_codes(champion / "codes.parquet"), "by its released codes, as the images are the same")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.parquet"
        n_encoded = write_codes_today(workspace, params, champion, path)
        return RivalCodes(read_codes(path), f"by its model, which encoded {n_encoded:,} new or changed images now")
