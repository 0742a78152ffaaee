"""A release folder as an MLflow model: code and folder as they are, nothing pickled. It loads without a checkout."""

import importlib.metadata
import warnings
from pathlib import Path
from typing import Any

RELEASE = "release"
"""Name of a release folder inside a logged model."""
REQUIREMENTS = (
    "faiss-cpu",
    "imagecodecs",
    "mlflow",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "psutil",
    "pyarrow",
    "pydantic",
    "pydicom",
    "pyyaml",  # `medhash query` and a registered model's name are looked up in params.yaml
    "safetensors",
    "torch",
    "torchvision",
)
"""Distributions that answering a query imports; logged with the versions installed here."""
TEXTS = ("exclude_patient", "prefer", "weights", "require", "min_confidence", "below")
"""Parameters of predict that are texts, "" unless given; what they mean is said there."""


def log_release(folder: Path, run_id: str) -> Any:
    """Log the folder, which must be called `release`, under the run; returns MLflow's ModelInfo.

    MLflow keeps an artifact under its folder's name. The package medhash goes with the model as code, not as a
    requirement: a package of that name in a public registry would be somebody else's.
    """
    import mlflow

    if folder.name != RELEASE:
        raise ValueError(f"{folder} must be called {RELEASE}")
    with mlflow.start_run(run_id=run_id), warnings.catch_warnings():
        # An example would be an image of a patient.
        warnings.filterwarnings("ignore", message=".*input example was not provided")
        return mlflow.pyfunc.log_model(
            name=RELEASE,
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            artifacts={RELEASE: str(folder)},
            code_paths=[str(Path(__file__).parents[1])],
            signature=signature(),
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in REQUIREMENTS],
        )


def signature() -> Any:
    """What predict of `pyfunc_model.py` takes and gives, as MLflow's ModelSignature."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    return ModelSignature(
        inputs=Schema([ColSpec("binary", "image"), ColSpec("string", "bag", required=False)]),
        outputs=Schema([ColSpec("string", "neighbours"), ColSpec("string", "memberships", required=False)]),
        params=ParamSchema([ParamSpec("k", "integer", 5), *(ParamSpec(name, "string", "") for name in TEXTS)]),
    )
