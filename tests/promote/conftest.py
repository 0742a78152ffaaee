"""A run whose models, codes, indexes and figures are real, made once by the stages; and an empty MLflow store."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from builders import small_workspace

from components.documents import Check, GateReport, Metrics
from components.params import Params, load_params
from components.workspace import Workspace

METHODS = ("lsh", "itq")
GATED = ("ingest", "evaluate")
DVC = "stages:\n" + "".join(f"  gate-{stage}:\n    cmd: python -m components.quality {stage}\n    deps: [data]\n    outs: "
                            f"[data/derived/gates/{stage}.json]\n" for stage in GATED)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lsh and itq through features, train, encode, index and evaluate."""
    from components import tracking
    from components.features.__main__ import main as features
    from components.train.stage import train_method
    root = tmp_path_factory.mktemp("finished")
    workspace = small_workspace(root)
    (root / "params.yaml").write_text("bits: 16\nsize_px: 32\nmethods: [lsh, itq]\ntrain: {device: cpu}\n"
                                      "evaluate: {bootstrap_samples: 20}\n")
    (root / "dvc.yaml").write_text(DVC)
    params = load_params(root / "params.yaml")
    assert features(["--root", str(root)]) == 0
    for method in METHODS:
        train_method(workspace, params, method)
        after_training(workspace, params, method)
    for stage in GATED:
        GateReport(stage=stage, success=True, checks=[Check(
            expectation="all is well", about=stage, success=True, observed="", offending=[])]).write(
            workspace.gate(stage))
    tracking.connect(workspace)
    return root


def after_training(workspace: Workspace, params: Params, method: str) -> Metrics:
    """Encode, index and measure a method, without the latency and the log of the stage evaluate."""
    from components.contracts import LABELS, QUERIES, SIMILARITY, SPLIT, read_table, write_table
    from components.encode.__main__ import main as encode
    from components.evaluate.measure import measure
    from components.index.__main__ import main as index
    from components.index.code_table import read_codes
    for stage in (encode, index):
        assert stage(["--root", str(workspace.root), "--method", method]) == 0
    metrics, queries = measure(read_codes(workspace.codes(method)), read_table(workspace.split, SPLIT),
                               read_table(workspace.labels, LABELS), read_table(workspace.similarity, SIMILARITY),
                               params.evaluate, params.seed)
    metrics.write(workspace.metrics(method) / "metrics.json")
    write_table(workspace.metrics(method) / "queries.parquet", queries, QUERIES)
    return metrics


class Run:
    """A copy of the finished run that a test may change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace = Workspace(root)

    def params(self, *methods: str, min_gain: float = 0.0) -> Params:
        settings = load_params(self.root / "params.yaml")
        return settings.model_copy(update={"methods": list(methods), "promote": settings.promote.model_copy(
            update={"min_gain": min_gain})})

    def figures(self, method: str) -> Metrics:
        return Metrics.read(self.workspace.metrics(method) / "metrics.json")

    def set_figures(self, method: str, **changed: float | str) -> None:
        """Change figures of a method's metrics.json: test_map, chance, validation_map, evaluation_digest …"""
        metrics = self.figures(method)
        for key, field in (("test_map", "figures"), ("chance", "chance")):
            if key in changed:
                changed[field] = getattr(metrics, field).model_copy(update={"map": changed.pop(key)})  # type: ignore
        metrics.model_copy(update=changed).write(self.workspace.metrics(method) / "metrics.json")

    def forget(self, n_images: int) -> None:
        """Take the last test images out of labels and split, as if the data had changed."""
        from components.contracts import LABELS, SPLIT, read_table, write_table
        for path, schema in ((self.workspace.labels, LABELS), (self.workspace.split, SPLIT)):
            table = read_table(path, schema)
            write_table(path, table.take(np.arange(len(table) - n_images)), schema)


@pytest.fixture
def run(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("components.promote.gates.stale_stages", lambda root, stages: [])
    shutil.copytree(finished_run, tmp_path / "run")
    return Run(tmp_path / "run")
