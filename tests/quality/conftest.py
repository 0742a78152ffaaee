"""A whole clean workspace, from images to metrics, for one method: what every gate must pass."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from builders import small_workspace, write_codes

from medhash.core.contracts import LABELS, QUERIES, read_table, write_table
from medhash.core.documents import ModelSpec, SubCode
from medhash.core.files import sha256_file
from medhash.core.params import EvaluateParams
from medhash.core.workspace import Workspace
from medhash.hashing.model import save_model
from medhash.retrieval.code_table import place_codes, read_codes
from medhash.retrieval.evaluation.measure import measure
from medhash.retrieval.evaluation.tables import Tables
from medhash.retrieval.index import write_index

METHOD = "lsh"
BITS = 16
PARAMS = """\
methods: [lsh]
bits: 16
size_px: 16
split: {strategy: official}
labels: {classes: [Effusion, Mass]}
"""


def write_model(workspace: Workspace) -> str:
    """A shallow model with a finite history. Returns its digest."""
    random = np.random.default_rng(1)
    spec = ModelSpec(
        method=METHOD,
        family="shallow",
        bits=BITS,
        input="gist-512",
        coder="linear",
        size_px=16,
        network={},
        sub_codes=[SubCode(name="code", start=0, stop=BITS)],
        labels=["Effusion"],
        settings={},
        data_digest="0" * 64,
        weights_sha256="",
    )
    folder = workspace.model(METHOD)
    folder.mkdir(parents=True, exist_ok=True)
    digest = save_model(
        folder,
        spec,
        {
            "mean": random.normal(size=512).astype(np.float32),
            "projection": random.normal(size=(512, BITS)).astype(np.float32),
        },
    )
    row = {"loss": 0.5, "val_map": 0.4, "distinct_codes": 20, "worst_bit_imbalance": 0.1}
    (folder / "history.json").write_text(json.dumps({"best_epoch": 1, "epochs": [row, row]}))
    return digest


def write_derived(workspace: Workspace, codes: np.ndarray, digest: str) -> None:
    """Codes of all images in order, and the index and metrics that belong to them."""
    write_codes(workspace, METHOD, codes, digest)
    table, labels = read_codes(workspace.codes(METHOD)), read_table(workspace.labels, LABELS)
    write_index(
        workspace.index(METHOD),
        place_codes(table, labels).of_folds("train", "val"),
        digest,
        sha256_file(workspace.codes(METHOD)),
    )
    measured = measure(table, Tables.read(workspace), EvaluateParams(bootstrap_samples=50), 7)
    measured.metrics.write(workspace.metrics(METHOD) / "metrics.json")
    write_table(workspace.metrics(METHOD) / "queries.parquet", measured.queries, QUERIES)


@pytest.fixture(scope="session")
def clean_root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("clean")
    workspace = small_workspace(root, size_px=16)
    (root / "params.yaml").write_text(PARAMS)
    random = np.random.default_rng(2)
    workspace.features("gist-512").parent.mkdir(parents=True)
    np.save(workspace.features("gist-512"), random.random((120, 512), dtype=np.float32))
    set_ids = read_table(workspace.labels, LABELS)["set_id"].to_numpy()
    centres = random.integers(0, 2, (4, BITS), dtype=np.uint8)
    noise = (random.random((120, BITS)) < 0.1).astype(np.uint8)
    write_derived(workspace, np.packbits(centres[set_ids] ^ noise, axis=1), write_model(workspace))
    return root


@pytest.fixture
def workspace(clean_root, tmp_path) -> Workspace:
    """A copy of the clean workspace to poison."""
    return Workspace(shutil.copytree(clean_root, tmp_path / "checkout"))
