"""A checkpoint's digest depends on the code of its own method: a loss, a setting, a fit; and on no other method's."""

import shutil
from pathlib import Path

import pytest

from medhash.core.fingerprint import Code
from medhash.core.own_code import MUTE, NO_RESULT, PACKAGES
from medhash.hashing.catalogue import find_method
from medhash.training.training_code import CUTS, training_roots

ROOT = Path(__file__).parents[2]
METHODS = ("itq", "drh-18", "dpsh", "csq", "ophash", "drn-ksh-18")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the code, and the fingerprint of each method's training in it."""
    root = tmp_path_factory.mktemp("checkout")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    return root, fingerprints(root)


def fingerprints(root):
    code = Code(root, PACKAGES, (*NO_RESULT, *CUTS), MUTE)
    return {
        name: code.fingerprint(
            ["medhash.training.train:train_method", *training_roots(find_method(name), has_initial_weights=True)]
        )
        for name in METHODS
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("losses/cauchy.py", "h.shape[1] / 2", "h.shape[1] / 3", {"ophash"}),
        ("losses/quantization.py", "h.abs() - 1", "h.abs() - 2", {"drh-18", "csq", "drn-ksh-18"}),
        ("losses/nca.py", "import torch\n", "import torch  # a comment\n", set()),
        ("objectives/dpsh.py", "quantization: Weight = 0.1", "quantization: Weight = 0.2", {"dpsh"}),
        ("objectives/module.py", "if weight > 0", "if weight >= 0", set(METHODS) - {"itq"}),
        ("objectives/centers.py", "2 * bits", "3 * bits", {"csq"}),
        ("shallow/itq.py", "ITERATIONS = 50", "ITERATIONS = 51", {"itq"}),
        ("shallow/ksh.py", "ITERATIONS = 500", "ITERATIONS = 501", {"drn-ksh-18"}),
    ],
)
def test_an_edit_changes_the_digests_of_the_methods_that_run_it(checkout, file, old, new, changed):
    root, before = checkout
    path = root / "medhash" / "hashing" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    try:
        after = fingerprints(root)
    finally:
        path.write_text(text)
    assert {name for name in METHODS if after[name] != before[name]} == changed
