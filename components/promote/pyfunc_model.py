"""The released model as MLflow loads it: a table of images in, their nearest gallery images as JSON out.

MLflow runs a copy of this file, so it takes everything from the package `components`.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from components.errors import MedhashError
from components.promote.loaded import LoadedRelease


class ReleasedModel(PythonModel):
    """Loadable by `mlflow.pyfunc.load_model("models:/NAME@champion")`."""

    def load_context(self, context: Any) -> None:
        self.release = LoadedRelease(Path(context.artifacts["release"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """model_input: column `image`, the bytes of PNG, JPEG or DICOM files.

        params: k, the number of neighbours (5); exclude_patient, the pseudonym of a patient whose images are left out
        ("", or one that the gallery does not hold: nobody's).

        Returns column `neighbours`: JSON, a list of {image_id, distance, labels}, nearest first. Raises
        MedhashError naming the row of an image that cannot be read.
        """
        settings = params or {}
        k, excluded = int(settings.get("k", 5)), str(settings.get("exclude_patient", "")) or None
        answers = []
        for row, image in enumerate(model_input["image"]):
            try:
                found = self.release.nearest(bytes(image), k, excluded)
            except MedhashError as error:
                raise MedhashError(f"row {row}: {error.problem}", error.fix) from error
            answers.append(json.dumps([answer._asdict() for answer in found]))
        return pd.DataFrame({"neighbours": answers})


set_model(ReleasedModel())
