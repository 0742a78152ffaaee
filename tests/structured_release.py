"""A release of a structured model, its network untrained: codes of 7, 9 and 8 bits, and memberships."""

from pathlib import Path

import cv2
import numpy as np
from structured_archive import structured_workspace

from medhash.core.documents import ModelSpec, Vocabulary
from medhash.core.workspace import Workspace

METHOD, BITS, WIDTHS = "modhash", 24, {"modality": 7, "organ": 9, "pathology": 8}
PARAMS = (
    "bits: 24\nsize_px: 16\nmethods: [modhash]\ntrain: {device: cpu}\nevaluate: {bootstrap_samples: 5}\n"
    "labels: {attribute: combination}\nencode: {confidence: true}\n"
)
NETWORK = {
    "kind": "residual",
    "depth": 18,
    "width": "paper",
    "stem": "small",
    "code_norm": "none",
    "encoders": "shared",
}


def structured_release(root: Path) -> Workspace:
    """A workspace with the folder `release` and its images as ROW.png; every seventh case knows no pathology."""
    from medhash.core.params import load_params
    from medhash.releases.assemble import build_release

    workspace = structured_workspace(root, n_each=3, size_px=16, unknown=7)
    (root / "params.yaml").write_text(PARAMS)
    untrained_network(workspace)
    encoded_and_measured(workspace)
    build_release(workspace, load_params(root / "params.yaml"), METHOD, root / "release")
    for row, pixels in enumerate(np.load(workspace.pixels)):
        cv2.imwrite(str(root / f"{row}.png"), pixels[0])
    return workspace


def untrained_network(workspace: Workspace) -> None:
    """Every bit is 1 of about half of the images, and the memberships are far from even."""
    import torch

    from medhash.hashing.layout import make_layout
    from medhash.hashing.model import save_model
    from medhash.hashing.networks.build import build_network

    known = Vocabulary.read(workspace.vocabulary)
    layout = make_layout(METHOD, BITS, WIDTHS, known.attributes, ())
    torch.manual_seed(0)
    network = build_network(NETWORK, BITS, size_px=16, layout=layout).eval()
    with torch.no_grad():
        features = network.trunk(torch.from_numpy(np.load(workspace.pixels)).float() / 255)
        for head in network.hash_layer.heads:
            head[-1].weight.mul_(50)
            z = head(features)
            # Between the two middle values: on a value, the bit of its image would depend on the processor's rounding.
            middle = np.quantile(z.numpy(), 0.5, axis=0, method="midpoint")
            head[-1].bias.sub_(torch.from_numpy(middle))
        for classifier in network.hash_layer.classifiers:
            classifier.weight.mul_(12)
    spec = ModelSpec(
        method=METHOD,
        family="deep",
        bits=BITS,
        input="pixels",
        coder="",
        size_px=16,
        network=NETWORK,
        settings={},
        sub_codes=list(layout.sub_codes),
        attributes=list(layout.attributes),
        labels=known.labels,
        data_digest="0" * 64,
        weights_sha256="",
    )
    save_model(workspace.model(METHOD), spec, network.state_dict())


def encoded_and_measured(workspace: Workspace) -> None:
    from components.encode.__main__ import main as encode
    from components.index.__main__ import main as index
    from medhash.core.params import EvaluateParams
    from medhash.retrieval.code_table import read_codes
    from medhash.retrieval.evaluation.headline import headline_of
    from medhash.retrieval.evaluation.measure import measure
    from medhash.retrieval.evaluation.tables import Tables

    for stage in (encode, index):
        assert stage(["--root", str(workspace.root), "--method", METHOD]) == 0
    measured = measure(
        read_codes(workspace.codes(METHOD)), Tables.read(workspace), EvaluateParams(bootstrap_samples=5), seed=0
    )
    measured[0].write(workspace.metrics(METHOD) / "metrics.json")
    headline_of(measured[0]).write(workspace.metrics(METHOD) / "headline.json")
