"""Who stands for promotion, and how well the champion does on the challenger's own queries."""

import tempfile
from pathlib import Path
from typing import NamedTuple

from components.documents import Metrics
from components.errors import MedhashError
from components.params import Params
from components.workspace import Workspace


class Score(NamedTuple):
    map: float
    how: str
    """Where the figure comes from, in words."""


def pick_challenger(workspace: Workspace, methods: list[str]) -> Metrics:
    """The method with the highest MAP on validation patients; of equals, the first by name.

    Test figures play no part in the choice, so that they stay an honest measure of what was chosen.
    Raises MedhashError if there is no method to choose from, or no validation figure to choose by.
    """
    if not methods:
        raise MedhashError("every method of params.yaml is a reference", "add a method that may be promoted, or take "
                           "one out of quality.references")
    measured = [Metrics.read(workspace.metrics(method) / "metrics.json") for method in methods]
    chosen_by: dict[str, float] = {}
    for metrics in measured:
        if metrics.validation_map is None:
            raise MedhashError(f"{metrics.method} has no validation MAP, and promotion chooses its challenger by it",
                               "set split.val_share above 0 in params.yaml, then `dvc repro`")
        chosen_by[metrics.method] = metrics.validation_map
    return min(measured, key=lambda metrics: (-chosen_by[metrics.method], metrics.method))


def score_champion(workspace: Workspace, params: Params, champion: Path, challenger: Metrics) -> Score:
    """The champion's MAP on the queries and gallery that the challenger was measured on.

    champion: its release folder. Where its own figures are about the same images and labels they are taken;
    otherwise its model encodes the images that lie here now, and its codes are measured as the challenger's were.
    """
    own = Metrics.read(champion / "metrics.json")
    if own.evaluation_digest == challenger.evaluation_digest:
        return Score(own.figures.map, "as measured when it was released: same queries and gallery")
    measured = _measure_again(workspace, params, champion)
    if measured.evaluation_digest != challenger.evaluation_digest:
        raise MedhashError(f"the figures of {challenger.method} are about other images or labels than lie here now",
                           "run evaluate again, or `dvc repro`")
    return Score(measured.figures.map, f"measured anew on today's queries and gallery; {own.figures.map:.4f} at its "
                                       "release, on other data")


def _measure_again(workspace: Workspace, params: Params, champion: Path) -> Metrics:
    import torch

    from components.encode.encode import encode_images, write_codes
    from components.evaluate.measure import measure
    from components.evaluate.tables import Tables
    from components.hashing.model import load_model
    from components.index.code_table import read_codes
    torch.set_num_threads(params.train.threads)
    model = load_model(champion / "model")
    try:
        image_ids, folds, packed = encode_images(workspace, model)
    except MedhashError as error:
        raise MedhashError(f"the champion cannot encode the images of this run, so it cannot be compared: "
                           f"{error.problem}", f"{error.fix}; or take the alias `champion` from its version in MLflow, "
                           "so that the challenger is the first") from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.parquet"
        write_codes(path, model, image_ids, folds, packed)
        return measure(read_codes(path), Tables.read(workspace), params.evaluate, params.seed).metrics
