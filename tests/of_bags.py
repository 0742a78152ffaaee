"""A small run over bags of colour images, through encode, index and evaluate: attention weighs them."""

from pathlib import Path

import numpy as np
from builders import VOCABULARY, small_workspace

from medhash.core.documents import Metrics, ModelSpec, SubCode
from medhash.core.workspace import Workspace

METHOD = "dmih-attention"
PARAMS = (
    "bits: 16\nsize_px: 16\nmethods: [dmih-attention]\ntrain: {device: cpu}\nevaluate: {bootstrap_samples: 5}\n"
    "ingest: {bags: {by: patient}}\n"
)
NETWORK = {"kind": "residual", "depth": 18, "width": "paper", "stem": "small", "pooling": "attention", "in_channels": 3}


def run_of_bags(root: Path, *, instances: bool = True, images_per_bag: int = 3) -> Workspace:
    """Bags of 3, 3 and 2 images; instances: whether the code table keeps the codes of single images."""
    workspace = small_workspace(
        root, n_patients=10, images_per_patient=8, size_px=16, images_per_bag=images_per_bag, channels=3
    )
    (root / "params.yaml").write_text(PARAMS + f"encode: {{instances: {str(instances).lower()}}}\n")
    untrained_network(workspace)
    encoded_and_measured(workspace)
    return workspace


def untrained_network(workspace: Workspace) -> None:
    """Random bits of random features, each near one half of the images, and an attention that is not even."""
    import torch

    from medhash.hashing.model import save_model
    from medhash.hashing.networks.build import build_network

    torch.manual_seed(0)
    network = build_network(NETWORK, 16, size_px=16).eval()
    with torch.no_grad():
        features = network.trunk(torch.from_numpy(np.load(workspace.pixels)).float() / 255)  # (m, d)
        weights = torch.randn(16, features.shape[1]) / features.std(dim=0).clamp(min=1e-6)
        network.hash_layer.weight.copy_(weights)
        network.hash_layer.bias.copy_(-weights @ features.mean(dim=0))
        for parameter in network.attention.parameters():
            parameter.mul_(8)
    spec = ModelSpec(
        method=METHOD,
        family="deep",
        bits=16,
        input="pixels",
        coder="",
        size_px=16,
        network=NETWORK,
        settings={},
        sub_codes=[SubCode(name="code", start=0, stop=16)],
        labels=VOCABULARY,
        data_digest="0" * 64,
        weights_sha256="",
    )
    save_model(workspace.model(METHOD), spec, network.state_dict())


def encoded_and_measured(workspace: Workspace) -> Metrics:
    """What the stages encode, index and evaluate leave."""
    from components.encode.__main__ import main as encode
    from components.index.__main__ import main as index
    from medhash.core.contracts import QUERIES, write_table
    from medhash.core.files import write_json
    from medhash.core.params import EvaluateParams
    from medhash.retrieval.code_table import read_codes
    from medhash.retrieval.evaluation.headline import headline_of
    from medhash.retrieval.evaluation.measure import measure
    from medhash.retrieval.evaluation.tables import Tables

    for stage in (encode, index):
        assert stage(["--root", str(workspace.root), "--method", METHOD]) == 0
    metrics, queries = measure(
        read_codes(workspace.codes(METHOD)), Tables.read(workspace), EvaluateParams(bootstrap_samples=5), seed=0
    )
    metrics.write(workspace.metrics(METHOD) / "metrics.json")
    headline_of(metrics).write(workspace.metrics(METHOD) / "headline.json")
    write_table(workspace.metrics(METHOD) / "queries.parquet", queries, QUERIES)
    write_json(workspace.model(METHOD) / "history.json", {"best_epoch": 0, "epochs": [{"loss": 1.0}]})
    return metrics
