"""The stage evaluate on a small workspace: its files, this machine's latency, MLflow, and what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from builders import small_workspace, write_codes

from components.evaluate.__main__ import main
from components.index.__main__ import main as index_main
from medhash.core import tracking
from medhash.core.documents import Metrics
from medhash.core.workspace import Workspace

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A workspace in which the method lsh was evaluated once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        workspace = small_workspace(tmp_path_factory.mktemp("evaluated"))
        write_codes(workspace, "lsh", np.random.default_rng(0).integers(0, 256, (120, 4), np.uint8), "e" * 64)
        shutil.copy(PARAMS, workspace.root)
        arguments = ["--root", str(workspace.root), "--method", "lsh"]
        assert index_main(arguments) == 0
        assert main(arguments) == 0
        yield workspace


def run_again(workspace: Workspace):
    return main(["--root", str(workspace.root), "--method", "lsh"])


def test_metrics_and_queries_are_the_same_bytes_when_measured_again(evaluated):
    folder = evaluated.metrics("lsh")
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run_again(evaluated) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert set(first) == {"metrics.json", "headline.json", "queries.parquet"}
    assert Metrics.read(folder / "metrics.json").n_queries == pq.read_table(folder / "queries.parquet").num_rows == 24


def test_latency_lies_beside_the_tracked_outputs(evaluated):
    latency = json.loads(evaluated.latency("lsh").read_text())
    assert 0 < latency["p50_ms"] <= latency["p95_ms"] <= latency["p99_ms"]
    assert (latency["n_queries"], latency["n_gallery"], latency["k"]) == (24, 96, 10)


def test_the_figures_and_the_latency_stand_on_the_models_run_and_only_there(evaluated):
    client = tracking.connect(evaluated)
    assert run_again(evaluated) == 0
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.model_digest = '{'e' * 64}'")
    assert [run.info.run_id for run in runs] == [tracking.find_run("e" * 64)]
    metrics = Metrics.read(evaluated.metrics("lsh") / "metrics.json")
    logged = runs[0].data.metrics
    assert logged["test/map"] == metrics.figures.map
    assert logged["test/chance/map"] == metrics.chance.map
    assert logged["test/map_low"] == metrics.intervals["map"].low
    assert logged["latency/p95_ms"] > 0
    assert runs[0].data.tags["evaluation_digest"] == metrics.evaluation_digest


def test_codes_of_another_width_than_the_index_are_refused_and_the_old_figures_stay(evaluated, tmp_path, capsys):
    workspace = Workspace(tmp_path / "copy")
    shutil.copytree(evaluated.root, workspace.root)
    before = (workspace.metrics("lsh") / "metrics.json").read_bytes()
    write_codes(workspace, "lsh", np.zeros((120, 8), np.uint8))
    assert run_again(workspace) == 1
    message = capsys.readouterr().err
    assert "codes.faiss holds codes of 32 bits" in message
    assert "lsh.parquet of 64" in message
    assert (workspace.metrics("lsh") / "metrics.json").read_bytes() == before
