"""A made-up hospital: patients whose images are alike, and a champion that was trained on the first of them."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from medhash.core.contracts import IMAGES, LABEL_SETS, LABELS, SPLIT, write_table
from medhash.core.documents import ModelSpec, SubCode, Vocabulary
from medhash.core.params import Params, load_params
from medhash.core.workspace import Workspace
from medhash.hashing.codes import binarise
from medhash.hashing.gist import gist_of_kind
from medhash.hashing.model import load_model, save_model

SIZE = 32
VOCABULARY = ["Effusion", "Mass", "No Finding"]
COMMON = np.array([0.5, 0.3, 0.2])
"""How many patients have each label."""


class Patients:
    """Rows of patients drawn alike; a test changes what it plants drift in. Two images each, much alike."""

    def __init__(self, n: int, seed: int, first: int, label_shares: np.ndarray = COMMON) -> None:
        random = np.random.default_rng(seed)
        self.first, self.n = first, n
        self.labels = [[VOCABULARY[number]] for number in random.choice(3, n, p=label_shares)]
        self.sex = random.choice(["F", "M"], n).tolist()
        self.age = random.integers(20, 80, n).tolist()
        self.view = random.choice(["PA", "AP"], 2 * n, p=[0.7, 0.3]).tolist()
        kind, tone = random.integers(0, 4, n), random.integers(40, 80, n)
        self.pixels = random.integers(0, 60, (2 * n, 1, SIZE, SIZE), dtype=np.uint8)
        half = SIZE // 2
        for row in range(2 * n):
            top, left = (kind[row // 2] // 2) * half, (kind[row // 2] % 2) * half
            self.pixels[row, 0, top : top + half, left : left + half] += np.uint8(tone[row // 2])

    def image_ids(self) -> list[str]:
        return [f"{0xA000_0000 + number:016x}" for number in range(2 * self.first, 2 * (self.first + self.n))]

    def patient_ids(self) -> list[str]:
        return [f"{0xB000_0000 + self.first + row // 2:016x}" for row in range(2 * self.n)]


def write_patients(workspace: Workspace, *groups: Patients) -> None:
    """The tables and pixels of all groups, as the stages up to labels leave them. Every fifth patient is in test."""
    ids = [name for group in groups for name in group.image_ids()]
    patients = [name for group in groups for name in group.patient_ids()]
    folds = ["test" if int(name, 16) % 5 == 0 else "val" if int(name, 16) % 5 == 1 else "train" for name in patients]
    n = len(ids)

    def twice(column: str) -> list:
        return [value for group in groups for value in getattr(group, column) for _ in range(2)]

    labels = twice("labels")
    workspace.pixels.parent.mkdir(parents=True, exist_ok=True)
    np.save(workspace.pixels, np.concatenate([group.pixels for group in groups]))
    write_table(
        workspace.images,
        pa.table(
            {
                "image_id": ids,
                "patient_id": patients,
                "study_id": ids,
                "bag_id": ids,
                "source_row": range(2, n + 2),
                "sha256": [f"{row:064x}" for row in range(n)],
                "pixel_row": range(n),
                "modality": ["xray"] * n,
                "organ": ["chest"] * n,
                "view": [value for group in groups for value in group.view],
                "laterality": pa.nulls(n, pa.string()),
                "sex": twice("sex"),
                "age": pa.array(twice("age"), pa.int16()),
                "width": pa.array([1024] * n, pa.int32()),
                "height": pa.array([1024] * n, pa.int32()),
                "pixel_spacing": pa.nulls(n, pa.float64()),
                "region": pa.nulls(n, IMAGES.field("region").type),
                "burned_in": pa.nulls(n, pa.bool_()),
                "official_fold": pa.nulls(n, pa.string()),
                "labels": pa.array(
                    [[{"attribute": "finding", "label": name} for name in names] for names in labels],
                    IMAGES.field("labels").type,
                ),
            }
        ),
        IMAGES,
    )
    write_table(workspace.split, pa.table({"image_id": ids, "patient_id": patients, "fold": folds}), SPLIT)
    sets = [VOCABULARY.index(names[0]) if names and names[0] in VOCABULARY else 3 for names in labels]
    write_table(
        workspace.labels,
        pa.table({"bag_id": ids, "patient_id": patients, "fold": folds, "set_id": pa.array(sets, pa.int32())}),
        LABELS,
    )
    write_table(
        workspace.label_sets,
        pa.table(
            {
                "set_id": pa.array(range(4), pa.int32()),
                "labels": pa.array([[0], [1], [2], []], pa.list_(pa.int16())),
                "n_bags": np.bincount(sets, minlength=4),
            }
        ),
        LABEL_SETS,
    )
    Vocabulary(attribute="finding", labels=VOCABULARY, n_bags={}, n_unlabelled={}).write(workspace.vocabulary)


def train_lsh(workspace: Workspace) -> None:
    """A random projection of GIST, its codes, index and figures, for the patients that lie there."""
    from builders import write_codes

    from components.index.__main__ import main as index_main
    from medhash.core.contracts import SIMILARITY
    from medhash.retrieval.code_table import read_codes
    from medhash.retrieval.evaluation.measure import measure
    from medhash.retrieval.evaluation.tables import Tables

    random = np.random.default_rng(0)
    spec = ModelSpec(
        method="lsh",
        family="shallow",
        bits=32,
        input="gist-512",
        coder="linear",
        size_px=SIZE,
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
        {
            "mean": gist_of_kind("gist-512", np.load(workspace.pixels)).mean(axis=0),
            "projection": random.normal(size=(512, 32)).astype(np.float32),
        },
    )
    model = load_model(workspace.model("lsh"))
    write_codes(workspace, "lsh", binarise(model.relaxed_pixels(np.load(workspace.pixels))), model.digest)
    assert index_main(["--root", str(workspace.root), "--method", "lsh"]) == 0
    write_table(
        workspace.similarity,
        pa.table(
            {
                "set_a": pa.array([a for a in range(4) for _ in range(4)], pa.int32()),
                "set_b": pa.array(list(range(4)) * 4, pa.int32()),
                "level": pa.array([int(a == b < 3) for a in range(4) for b in range(4)], pa.int16()),
                "jaccard": pa.array([float(a == b < 3) for a in range(4) for b in range(4)], pa.float64()),
            }
        ),
        SIMILARITY,
    )
    metrics, _ = measure(read_codes(workspace.codes("lsh")), Tables.read(workspace), _params(workspace).evaluate, 0)
    metrics.write(workspace.metrics("lsh") / "metrics.json")


def make_champion(workspace: Workspace) -> None:
    """Release what lies there, register it in a real MLflow store, and make it the champion."""
    from medhash.core import tracking
    from medhash.releases.assemble import build_release
    from medhash.releases.registry import Registry

    params, folder = _params(workspace), workspace.root / "release"
    release = build_release(workspace, params, "lsh", folder)
    client = tracking.connect(workspace)
    registry = Registry(client, params.promote.name)
    run = client.create_run(tracking.experiment(client, workspace, params.promote.name))
    registry.promote(registry.register(release, folder, run.info.run_id))


def _params(workspace: Workspace) -> Params:
    return load_params(workspace.root / "params.yaml")


def write_params(root: Path) -> None:
    (root / "params.yaml").write_text(
        "bits: 32\nsize_px: 32\nmethods: [lsh]\ntrain: {device: cpu}\nevaluate: {bootstrap_samples: 10}\n"
    )
