"""Which items of the real pipeline an edit makes stale: all that it concerns, and no other."""

import functools
import shutil
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from checkout import REPOSITORY

from components.plan.items import CUTS
from components.plan.plan import plan_of
from medhash.core import source_modules
from medhash.core.fingerprint import Code
from medhash.core.own_code import MUTE, NO_RESULT, PACKAGES
from medhash.core.params import Params
from medhash.hashing.catalogue import CATALOGUE
from medhash.hashing.method_types import DeepMethod

METHODS = ["lsh", "itq", "itq-1024", "drh-18", "osdh", "drn-ksh-18", "dmih-attention", "fuzzhash"]
SHALLOW, NETWORKS = METHODS[:3], METHODS[3:]
PARAMS = Params(methods=METHODS)
LEARNT = ["train@*", "encode@*", "gate-train", "report"]
"""What a network or an encoder is part of."""
MEASURED = ["train@*", "evaluate@*"]
"""What the exact measures are part of: validation chooses the epoch."""


def of(stage: str, methods: list[str]) -> list[str]:
    return [f"{stage}@{method}" for method in methods]


MATTERS: dict[str, tuple[str, str, str, list[str]]] = {
    "ingest: pixel scaling": (
        "medhash/archives/decode.py",
        "astype(np.uint32) + 128)",
        "astype(np.uint32) + 127)",
        ["ingest"],
    ),
    "ingest: interpolation of the decoder": (
        "medhash/archives/decode.py",
        "else cv2.INTER_LINEAR",
        "else cv2.INTER_CUBIC",
        ["ingest"],
    ),
    "ingest: window of DICOM": (
        "medhash/archives/dicom_pixels.py",
        "return (values - centre) / width + 0.5",
        "return (values - centre) / width",
        ["ingest"],
    ),
    "ingest: stain, imported in a function": (
        "medhash/archives/stain.py",
        "_SAMPLE = 1 << 18",
        "_SAMPLE = 1 << 17",
        ["ingest"],
    ),
    "ingest: reader of the configured source": (
        "medhash/archives/readers/nih.py",
        '(*NIH_FINDINGS, "No Finding")',
        '(*NIH_FINDINGS, "No Finding", "Other")',
        ["ingest"],
    ),
    "ingest: labels that NIH may have": ("medhash/core/params/ingest.py", '    "Cardiomegaly",\n', "", ["ingest"]),
    "ingest: pseudonyms": ("medhash/archives/pseudonyms.py", "MIN_KEY_BYTES = 16", "MIN_KEY_BYTES = 32", ["ingest"]),
    "split: hash": (
        "components/split/hashed.py",
        r"{purpose}\0{seed}\0{patient}",
        r"{seed}\0{purpose}\0{patient}",
        ["split"],
    ),
    "labels: rule of a bag": (
        "components/labels/label_sets.py",
        "membership & (rank == worst[bags])[:, None]",
        "membership & (rank >= worst[bags])[:, None]",
        ["labels"],
    ),
    "similarity: Jaccard index": (
        "components/similarity/similarity.py",
        "size[:, None] + size[None, :] - level",
        "size[:, None] + size[None, :]",
        ["similarity"],
    ),
    "features: GIST": (
        "medhash/hashing/gist.py",
        "GRID = 4",
        "GRID = 5",
        ["features@*", "encode@*", "gate-train", "report"],
    ),
    "a table's contract": (
        "medhash/core/contracts.py",
        "SIMILARITY = ",
        "SIMILARITY = SIMILARITY_ = ",
        ["similarity", "gate-similarity", "train@*", "evaluate@*"],
    ),
    "train: constant of a loss": (
        "medhash/hashing/losses/quantization.py",
        "h.abs() - 1",
        "h.abs() - 2",
        of("train", ["drh-18", "drn-ksh-18", "dmih-attention", "fuzzhash"]),
    ),
    "train: loss of one method": (
        "medhash/hashing/objectives/osdh.py",
        "batch.labels, self.margin",
        "batch.labels, 2 * self.margin",
        ["train@osdh"],
    ),
    "train: range of an augmentation": (
        "medhash/training/augment.py",
        "rotation_deg: float = 1.5",
        "rotation_deg: float = 2.5",
        of("train", NETWORKS),
    ),
    "train: optimiser": (
        "medhash/training/schedules.py",
        "if p.ndim > 1]",
        "if p.ndim > 2]",
        of("train", NETWORKS),
    ),
    "train: schedule": (
        "medhash/training/schedules.py",
        "total_steps=n_batches + 1",
        "total_steps=n_batches + 2",
        of("train", NETWORKS),
    ),
    "train: scale of the pixels": (
        "medhash/training/deep.py",
        "images.float() / 255",
        "images.float() / 256",
        of("train", NETWORKS),
    ),
    "train: seeds": (
        "medhash/training/seeds.py",
        "digest[:8]",
        "digest[8:16]",
        ["train@*"],
    ),
    "train: fit of a shallow method": (
        "medhash/hashing/shallow/itq.py",
        "ITERATIONS = 50",
        "ITERATIONS = 51",
        of("train", ["itq", "itq-1024"]),
    ),
    "train: temperatures of structured codes": (
        "medhash/training/temperature.py",
        "_LEAST = ",
        "_LEAST = 2 * ",
        ["train@fuzzhash"],
    ),
    "block of the residual network": (
        "medhash/hashing/networks/residual.py",
        "torch.relu(residual + self.shortcut(kept))",
        "torch.relu(residual) + self.shortcut(kept)",
        [*of("train", NETWORKS), *of("encode", NETWORKS), "gate-train", "report"],
    ),
    "pooling of bags": (
        "medhash/hashing/networks/pooling.py",
        "HIDDEN = 32",
        "HIDDEN = 64",
        ["train@dmih-attention", "encode@dmih-attention", "gate-train", "report"],
    ),
    "fuzzy inference": (
        "medhash/hashing/networks/fuzzy.py",
        "N_INPUTS = 8",
        "N_INPUTS = 9",
        ["train@fuzzhash", "encode@fuzzhash", "gate-train", "report"],
    ),
    "encode: vote of a bag": (
        "medhash/hashing/bags.py",
        "balance = 2 * n_positive - sizes",
        "balance = 2 * n_positive - sizes + 1",
        LEARNT,
    ),
    "encode: sign of a bit": (
        "medhash/hashing/codes.py",
        "np.packbits(relaxed >= 0, axis=1)",
        "np.packbits(relaxed > 0, axis=1)",
        LEARNT,
    ),
    "index: which folds": (
        "medhash/retrieval/index.py",
        'GALLERY_FOLDS = ("train", "val")',
        'GALLERY_FOLDS = ("train",)',
        ["index@*", "gate-index", "evaluate@*"],
    ),
    "ties in average precision": (
        "medhash/retrieval/measures/average_precision.py",
        "return range(n_levels - 1, -1, -1)",
        "return range(n_levels)",
        MEASURED,
    ),
    "evaluate: bootstrap": (
        "medhash/retrieval/measures/bootstrap.py",
        "n_patients, n_samples, seed):",
        "n_patients, n_samples, seed + 1):",
        ["evaluate@*"],
    ),
    "evaluate: bands of age": (
        "medhash/retrieval/evaluation/slices.py",
        "_BAND_YEARS = 20",
        "_BAND_YEARS = 10",
        ["evaluate@*", "report"],
    ),
    "gate: how far rounding may take a figure": (
        "components/evaluate/gate.py",
        "_ROUNDING = 1e-9",
        "_ROUNDING = 1e-8",
        ["gate-evaluate"],
    ),
    "gate: how expectations are run": ("components/quality/validation.py", "_SHOWN = 20", "_SHOWN = 10", ["gate-*"]),
    "gate: what it needs of an environment": (
        "components/quality/validation.py",
        'os.environ["GX_ANALYTICS_ENABLED"] = "false"',
        'os.environ["GX_ANALYTICS_ENABLED"] = "0"',
        ["gate-*"],
    ),
    "report: template": ("components/report/page.html", "<title>", "<title>A ", ["report"]),
    "report: plot": ("components/report/page.py", "MOST_CODES = 1000", "MOST_CODES = 900", ["report"]),
}
"""What is edited → file, text, its replacement, and the items that are stale."""
NOTHING: dict[str, tuple[str, str, str]] = {
    "a comment in a loss that no method uses": (
        "medhash/hashing/losses/cauchy.py",
        "import torch\n",
        "import torch\n# x\n",
    ),
    "a comment in a loss that methods use": ("medhash/hashing/losses/nca.py", "import torch\n", "import torch  # x\n"),
    "a loss that no method uses": ("medhash/hashing/losses/center.py", "cost, 0).sum() /", "cost, 0).sum() * 2 /"),
    "a comment in documents": (
        "medhash/core/documents.py",
        "from pathlib import Path\n",
        "from pathlib import Path\n# Documents.\n",
    ),
    "a docstring": ("medhash/training/augment.py", '"""In intensities of [0, 1]."""', '"""Of the intensity."""'),
    "a reader of another layout": (
        "medhash/archives/readers/mias.py",
        "def read_entries(",
        "X = 1\n\n\ndef read_entries(",
    ),
    "a method that is not configured": (
        "medhash/hashing/shallow/mhf.py",
        "import numpy as np\n",
        "import numpy as np\nX = 1\n",
    ),
    "the text of an error": ("medhash/training/train.py", "trains no network that", "has no network that"),
    "the text of an error in a loop": (
        "medhash/training/loop.py",
        "the loss is not finite in",
        "the loss is infinite in",
    ),
    "a bar of progress": ("medhash/training/loop.py", 'unit="batch"', 'unit="batches"'),
    "what a bar shows": (
        "medhash/training/loop.py",
        '("loss", plan.chosen_by) if name in row',
        '("loss",) if name in row',
    ),
    "what is recorded in MLflow": ("components/train/record.py", "tab:gray", "tab:green"),
    "what is said at the end": ("components/train/__main__.py", "distinct codes in the train fold", "codes in all"),
    "the help of an option": (
        "components/train/__main__.py",
        "a method of the catalogue, such as",
        "a method, such as",
    ),
    "the latency of this machine": ("medhash/retrieval/evaluation/latency.py", "_WARM_UP = ", "_WARM_UP = 2 * "),
    "how a file gets into its place": (
        "medhash/core/files.py",
        "os.fsync(handle.fileno())",
        "os.fdatasync(handle.fileno())",
    ),
    "promotion": ("medhash/releases/promotion/rule.py", '= ("gates", "gallery")', '= ("gates",)'),
}
"""What is edited, and no item is stale."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("code")
    for package in PACKAGES:
        shutil.copytree(REPOSITORY / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture(scope="module", autouse=True)
def parsed_once():
    """A file that an edit leaves alone is parsed once."""
    parse = source_modules.ast.parse
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_modules.ast, "parse", functools.cache(parse))
        yield


def planned(root: Path, params: Params = PARAMS) -> dict[str, dict]:
    return plan_of(Code(root, PACKAGES, (*NO_RESULT, *CUTS), MUTE), params)


@pytest.fixture(scope="module")
def before(tree) -> dict[str, dict]:
    return planned(tree)


def stale_after(tree: Path, before: dict[str, dict], file: str, text: str, replacement: str) -> set[str]:
    path = tree / file
    original = path.read_text()
    assert text in original, f"{file} has no {text!r}: mend this table"
    try:
        path.write_text(original.replace(text, replacement))
        after = planned(tree)
    finally:
        path.write_text(original)
    assert after.keys() == before.keys()
    return {item for item in after if after[item] != before[item]}


@pytest.mark.parametrize("edit", MATTERS.values(), ids=MATTERS)
def test_an_edit_makes_stale_what_it_concerns_and_nothing_else(tree, before, edit):
    *edit, patterns = edit
    expected = {item for item in before if any(fnmatchcase(item, pattern) for pattern in patterns)}
    assert stale_after(tree, before, *edit) == expected


@pytest.mark.parametrize("edit", NOTHING.values(), ids=NOTHING)
def test_an_edit_that_no_result_hangs_on_makes_nothing_stale(tree, before, edit):
    assert stale_after(tree, before, *edit) == set()


SETTINGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an override of one method": ({"train": {"overrides": {"osdh": {"margin": 6.0}}}}, ["train@osdh"]),
    "an override that says what is so anyway": ({"train": {"overrides": {"osdh": {"margin": 5.0}}}}, []),
    "weights that start one method": ({"train": {"initial_weights": {"osdh": "w.safetensors"}}}, ["train@osdh"]),
    "epochs": ({"train": {"epochs": 3}}, [*of("train", NETWORKS), "report"]),
    "what chooses epochs and methods": ({"choose_by": "map"}, [*of("train", NETWORKS), "report"]),
    "parts of structured codes": ({"sub_codes": {"organ": 16}}, ["train@fuzzhash"]),
    "seed": ({"seed": 8}, ["split", "labels", "train@*", "evaluate@*", "report"]),
    "bits": (
        {"bits": 16},
        ["train@*", *(f"gate-{stage}" for stage in ("train", "encode", "index", "evaluate")), "report"],
    ),
    "size of the images": ({"size_px": 32}, ["ingest", "gate-ingest", "train@*", "report"]),
    "another layout's section": ({"ingest": {"breakhis": {"magnifications": [40]}}}, []),
    "processes that decode": ({"ingest": {"workers": 3}}, []),
    "codes of single images": ({"encode": {"instances": True}}, ["encode@*", "gate-encode"]),
    "a limit of a gate": ({"quality": {"max_dead_bit_share": 0.5}}, ["gate-encode"]),
    "draws of the bootstrap": ({"evaluate": {"bootstrap_samples": 10}}, ["evaluate@*"]),
    "drift, promotion and schedule": (
        {"drift": {"min_images": 5}, "promote": {"name": "other"}, "schedule": {"retries": 3}},
        [],
    ),
    "another kind of features": ({"features": ["gist-512", "gist-1024"]}, ["features@gist-1024", "gate-features"]),
    "another method": (
        {"methods": [*METHODS, "dsh"]},
        ["*@dsh", *(f"gate-{stage}" for stage in ("features", "train", "encode", "index", "evaluate")), "report"],
    ),
}
"""What is set → the items that are stale, or new."""


@pytest.mark.parametrize("edit", SETTINGS.values(), ids=SETTINGS)
def test_a_setting_makes_stale_what_reads_it(tree, before, edit):
    settings, patterns = edit
    after = planned(tree, Params.model_validate({"methods": METHODS} | settings))
    expected = {item for item in after if any(fnmatchcase(item, pattern) for pattern in patterns)}
    assert {item for item in after if after[item] != before.get(item)} == expected


def test_a_row_of_the_catalogue_concerns_its_own_method_alone(tree, before, monkeypatch):
    row = CATALOGUE["osdh"]
    assert isinstance(row, DeepMethod)
    monkeypatch.setitem(CATALOGUE, "osdh", replace(row, recipe=replace(row.recipe, learning_rate=1.0)))
    monkeypatch.delitem(CATALOGUE, "sdh")
    after = planned(tree)
    assert {item for item in after if after[item] != before[item]} == {"train@osdh"}
    monkeypatch.setitem(CATALOGUE, "osdh", replace(row, title="Another title", source="Another paper"))
    assert planned(tree) == before
