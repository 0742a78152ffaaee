"""Registered releases in a test's hands: random projections of one small data set, each a version of its own."""

from pathlib import Path
from typing import Any

import numpy as np
from builders import VOCABULARY, small_workspace, write_codes

from medhash.core.documents import Metrics, ModelSpec, SubCode
from medhash.core.params import load_params
from medhash.core.workspace import Workspace

NAME = "medhash-nih"
PARAMS = "bits: 32\nsize_px: 32\nmethods: [lsh]\ntrain: {device: cpu}\nevaluate: {bootstrap_samples: 100}\n"


def workspace_with_store(root: Path) -> Workspace:
    """A small data set, settings, and an empty MLflow store."""
    from medhash.core import tracking

    workspace = small_workspace(root)
    (root / "params.yaml").write_text(PARAMS)
    tracking.connect(workspace)
    return workspace


def random_model(workspace: Workspace, seed: int) -> Metrics:
    """Put a random projection, its codes, index and figures where the stages leave those of lsh."""
    from components.index.__main__ import main as index
    from medhash.core.params import EvaluateParams
    from medhash.hashing.codes import binarise
    from medhash.hashing.model import load_model, save_model
    from medhash.retrieval.code_table import read_codes
    from medhash.retrieval.evaluation.measure import measure
    from medhash.retrieval.evaluation.tables import Tables

    random = np.random.default_rng(seed)
    spec = ModelSpec(
        method="lsh",
        family="shallow",
        bits=32,
        input="gist-512",
        coder="linear",
        size_px=32,
        network={},
        settings={},
        sub_codes=[SubCode(name="code", start=0, stop=32)],
        labels=VOCABULARY,
        data_digest="0" * 64,
        weights_sha256="",
    )
    save_model(
        workspace.model("lsh"),
        spec,
        {"mean": np.full(512, 0.02, np.float32), "projection": random.normal(size=(512, 32)).astype(np.float32)},
    )
    model = load_model(workspace.model("lsh"))
    write_codes(workspace, "lsh", binarise(model.relaxed_pixels(np.load(workspace.pixels))), model.digest)
    assert index(["--root", str(workspace.root), "--method", "lsh"]) == 0
    metrics, _ = measure(
        read_codes(workspace.codes("lsh")), Tables.read(workspace), EvaluateParams(bootstrap_samples=5), seed=0
    )
    metrics.write(workspace.metrics("lsh") / "metrics.json")
    return metrics


def registry_of(workspace: Workspace) -> Any:
    from medhash.core import tracking
    from medhash.releases.registry import Registry

    return Registry(tracking.connect(workspace), NAME)


def register(workspace: Workspace, seed: int, promote: bool = True) -> Any:
    """Make a release of a random projection, register it and make it champion; returns its version."""
    from medhash.core import tracking
    from medhash.releases.assemble import build_release

    random_model(workspace, seed)
    folder = workspace.root / f"made-{seed}" / "release"
    release = build_release(workspace, load_params(workspace.root / "params.yaml"), "lsh", folder)
    registry = registry_of(workspace)
    experiment = tracking.experiment(registry.client, workspace, NAME)
    run = registry.client.create_run(experiment, run_name=f"train {seed}", tags={"model_digest": release.model_digest})
    version = registry.register(release, folder, run.info.run_id)
    registry.tag(version, {"decision": "promoted" if promote else "not promoted"})
    if promote:
        registry.promote(version)
    return version


def aliases(workspace: Workspace) -> dict[str, int]:
    return {
        alias: int(number) for alias, number in registry_of(workspace).client.get_registered_model(NAME).aliases.items()
    }
