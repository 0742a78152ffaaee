"""A coordinator with everything made that training reads, and another machine beside it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from builders import small_workspace
from checkout import REPOSITORY, run_in, scratch_checkout
from machines import Coordinator, Machine
from slim_environment import build, copied_program

from components.plan.plan import write_plan
from components.quality import passes
from medhash.core.documents import FeaturesInfo
from medhash.core.params import load_params

UPSTREAM = [
    "plan",
    "ingest",
    "gate-ingest",
    "split",
    "gate-split",
    "labels",
    "gate-labels",
    "similarity",
    "gate-similarity",
    "features@gist-512",
    "gate-features",
]


@pytest.fixture(scope="session")
def one_mlflow(tmp_path_factory):
    """A store that is there before any machine needs it: making its tables costs seconds."""
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
    _initialize_tables(create_sqlalchemy_engine(uri))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDHASH_TEST_MLFLOW", uri)
        yield


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A checkout whose tables, features and gates are there and in dvc.lock, made without running their stages."""
    root = scratch_checkout(tmp_path_factory.mktemp("made") / "checkout")
    workspace = small_workspace(root)
    random = np.random.default_rng(3)
    workspace.features("gist-512").parent.mkdir()
    np.save(workspace.features("gist-512"), random.random((120, 512), dtype=np.float32))
    FeaturesInfo(kind="gist-512", weights_sha256=None).write(workspace.features_info("gist-512"))
    params = yaml.safe_load((root / "params.yaml").read_text()) | {"size_px": 32}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    write_plan(workspace, load_params(root / "params.yaml"))
    for stage in ("ingest", "split", "labels", "similarity", "features"):
        workspace.gate(stage).parent.mkdir(exist_ok=True)
        workspace.gate(stage).write_text("{}")
        passes.give(workspace, stage, load_params(root / "params.yaml"))
    done = run_in(root, "-m", "dvc", "commit", "--force", "--quiet", *UPSTREAM)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def coordinator(made, tmp_path) -> Coordinator:
    shutil.copytree(made, tmp_path / "coordinator", symlinks=True)
    return Coordinator(tmp_path / "coordinator")


@pytest.fixture(scope="session")
def image(tmp_path_factory) -> tuple[Path, Path]:
    """What the GPU image holds: a python with the listed packages only, and the folder of the program."""
    files, folder = REPOSITORY / "deploy" / "kubernetes", tmp_path_factory.mktemp("image")
    return (
        build(folder / "environment", files / "requirements.in"),
        copied_program(files / "Dockerfile", folder / "program"),
    )


@pytest.fixture
def machine(coordinator, image, tmp_path) -> Machine:
    (tmp_path / "machine").mkdir()
    return Machine(tmp_path / "machine", coordinator, *image)


@pytest.fixture(scope="session")
def published(made, tmp_path_factory) -> tuple[Coordinator, str]:
    """A coordinator that has published what train@lsh reads, and the commit; for tests that change neither."""
    from medhash.platform.worker.publish import publish

    root = tmp_path_factory.mktemp("published") / "coordinator"
    shutil.copytree(made, root, symlinks=True)
    return Coordinator(root), publish(root, ["train@lsh"], None, lambda line: None).commit
