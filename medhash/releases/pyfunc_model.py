"""The released model as MLflow loads it: a table of images in, the gallery's nearest cases as JSON out.

MLflow runs a copy of this file. The package `medhash` that it imports is logged with the model.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import BAD_REQUEST, ErrorCode
from mlflow.pyfunc import PythonModel

from medhash.core.errors import MedhashError
from medhash.releases.searcher.case import decode_case
from medhash.releases.searcher.loaded import LoadedRelease
from medhash.retrieval.preference import parse_preference


class QueryRefused(MedhashError, MlflowException):
    """A query that cannot be answered. MLflow's server sends its message, without a traceback."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.error_code = ErrorCode.Name(BAD_REQUEST)

    @property
    def message(self) -> str:
        return f"{self.problem}; fix: {self.fix}"

    @message.setter
    def message(self, text: str) -> None:
        """Ignored: the server would put the data that it was sent before the message, and a bag may name a patient."""


class ReleasedModel(PythonModel):
    """Loadable by `mlflow.pyfunc.load_model("models:/NAME@champion")`."""

    def load_context(self, context: Any) -> None:
        self.release = LoadedRelease(Path(context.artifacts["release"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """model_input: column `image`, the bytes of PNG, JPEG or DICOM files; and, if there are cases of several
        images, column `bag`: rows of the same text are one case, in which a file given twice counts once. Without it
        every row is a case.

        params: k, the number of neighbours (5); exclude_patient, the pseudonym of a patient whose images are left out
        ("" or an unknown one: none); prefer, weights, require, min_confidence and below, texts
        as `medhash query` takes them ("": none).

        Returns a row per case, in the order in which they first appear, column `neighbours`: JSON, a list of
        {bag_id, distance, labels}, nearest first; where the release keeps the codes of single images also `matched`:
        {query_image (place in the case, from 1), image_id, distance}; where it has them also by_sub_code, attributes,
        confidence and unsure, see Neighbour. Of a structured model there is a column `memberships` too: JSON, attribute
        → value → the case's membership. Raises QueryRefused naming the row of an image that cannot be read or has no
        bag, never the text of its bag; and for preferences that are malformed or do not fit the release.
        """
        try:
            return self._answers(model_input, params or {})
        except MedhashError as error:
            raise QueryRefused(error.problem, error.fix) from error

    def _answers(self, model_input: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
        preference = parse_preference(
            str(settings.get("prefer", "")),
            str(settings.get("weights", "")),
            [str(settings.get("require", ""))],
            str(settings.get("min_confidence", "")),
            str(settings.get("below", "")),
        )
        k, excluded = int(settings.get("k", 5)), str(settings.get("exclude_patient", "")) or None
        images = model_input["image"].tolist()
        answers, memberships = [], []
        for rows in _cases(model_input):
            try:
                case = decode_case(
                    (bytes(images[row]) for row in rows),
                    [f"row {row}: the image" for row in rows],
                    self.release.release.preprocessing,
                )
            except MedhashError as error:
                where = "" if error.problem.startswith("row ") else f"row {rows[0]}: "
                raise MedhashError(where + error.problem, error.fix) from error
            found = self.release.found(case, self.release.coded(case), k, excluded, preference)
            answers.append(json.dumps([neighbour.as_json() for neighbour in found]))
            memberships.append(json.dumps(self.release.memberships(case)))
        known = {"memberships": memberships} if self.release.model.spec.attributes else {}
        return pd.DataFrame({"neighbours": answers} | known)


def _cases(model_input: pd.DataFrame) -> list[list[int]]:
    """The rows of each case, in order of first appearance."""
    if "bag" not in model_input.columns:
        return [[row] for row in range(len(model_input))]
    cases: dict[str, list[int]] = {}
    for row, bag in enumerate(model_input["bag"]):
        if not isinstance(bag, str) or not bag:
            raise MedhashError(
                f"row {row}: the image has no bag",
                "name the bag of every row, or leave the column out: then every row is a case",
            )
        cases.setdefault(bag, []).append(row)
    return list(cases.values())


set_model(ReleasedModel())
