"""Plant faults in a copy of this repository, one at a time, and see whether the tests of their subject fail.

`python tests/planted_faults.py [SUBJECT …]` from the root of the repository; without a subject, all, in a quarter of an
hour on one core. A fault is one text in place of another, which must stand once in the code, in whatever file.
pytest does not collect this file.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]


class Fault(NamedTuple):
    """What is wrong, the text that is replaced, by what, and the tests that must notice."""

    subject: str
    old: str
    new: str
    tests: str


FAULTS = (
    Fault(
        "images of a patient in several folds",
        "dtype=object)[numbers]",
        "dtype=object)[np.arange(len(numbers)) % len(folds)]",
        "split",
    ),
    Fault(
        "pseudonym key ignored",
        "hmac.digest(key, prefix",
        "hmac.digest(_DEMO_KEY, prefix",
        "ingest/test_ingest_stage.py ingest/test_new_data.py",
    ),
    Fault(
        "forgotten patient ingested", "[patient])[0]) in digests", "[patient])[0]) in ()", "ingest/test_forgotten.py"
    ),
    Fault(
        "MONOCHROME1 not inverted",
        'photometric == "MONOCHROME1")',
        'photometric == "MONOCHROME3")',
        "archives/test_dicom_pixels.py",
    ),
    Fault(
        "limit of fold shares not checked",
        "min_value=-limit, max_value=limit",
        "min_value=-1, max_value=1",
        "quality/test_gates_of_tables.py split",
    ),
    Fault(
        "patient in two folds passes the gate",
        'column="n_folds", value_set=[1]',
        'column="n_folds", value_set=[1, 2]',
        "quality/test_gates_of_tables.py split",
    ),
    Fault(
        "images without label kept",
        "kept &= membership.any(axis=1)",
        "kept &= True",
        "labels/test_label_images.py labels/test_bag_labels.py",
    ),
    Fault("Jaccard over the sum of sizes", "size[None, :] - level", "size[None, :]", "similarity"),
    Fault(
        "a code's zero is no one",
        "return np.packbits(relaxed >= 0",
        "return np.packbits(relaxed > 0",
        "hashing/test_codes.py hashing/test_model.py",
    ),
    Fault(
        "pairwise likelihood the wrong way round",
        "torch.where(similar, inner, -inner)",
        "torch.where(similar, -inner, inner)",
        "hashing/losses",
    ),
    Fault("ITQ never rotates", "rotation = left @ right", "rotation = rotation", "hashing/shallow"),
    Fault(
        "seed of the weights ignored",
        'torch.manual_seed(derive_seed(seed, method.name, "weights"))',
        "torch.seed()",
        "training/test_structured.py training/test_train_stage.py",
    ),
    Fault(
        "checkpoint not gone on from",
        'return document["state"], load_file(folder / _TENSORS)',
        "return None",
        "training/test_checkpoint.py training/test_train_stage.py",
    ),
    Fault(
        "tied items within a group of average precision",
        "np.maximum(count * (count - 1), 1)",
        "np.maximum(count * count, 1)",
        "retrieval/measures",
    ),
    Fault(
        "worst tie order is the best",
        "histogram, levels_ascending(n_levels)) / divisor",
        "histogram, levels_descending(n_levels)) / divisor",
        "retrieval/measures",
    ),
    Fault(
        "bootstrap over images",
        "_, patient = np.unique(patients, return_inverse=True)",
        "patient = np.arange(len(patients))",
        "retrieval/measures",
    ),
    Fault(
        "one neighbour too few",
        "if index.patient_of[position] != own\n    ][:k]",
        "if index.patient_of[position] != own\n    ][: k - 1]",
        "index",
    ),
    Fault("the asker's own patient answers", "if index.patient_of[position] != own\n", "if True\n", "index"),
    Fault(
        "promotion by the mean gain",
        "if difference.low > min_gain",
        "if difference.value > min_gain",
        "releases/promotion/test_rule.py releases/promotion/test_promote.py",
    ),
    Fault(
        "fallen slices not seen",
        "if -change.difference > max_drop",
        "if change.difference > max_drop",
        "releases/promotion/test_rule.py releases/promotion/test_worse_challengers.py",
    ),
    Fault(
        "gate of an earlier run accepted",
        'if stale:\n        raise MedhashError(\n            f"the report of',
        'if False:\n        raise MedhashError(\n            f"the report of',
        "releases/promotion/test_promotion_gates.py",
    ),
    Fault(
        "alias previous on the new champion",
        "self.point(PREVIOUS, champion)",
        "self.point(PREVIOUS, version)",
        "releases/champion/test_rollback.py",
    ),
    Fault(
        "lease of another holder not seen",
        "if found is None or found.token != lease.token:",
        "if found is None:",
        "releases/champion/test_lease.py",
    ),
    Fault(
        "back to a version that was rolled back",
        "if ROLLED_BACK in before.tags:",
        "if False:",
        "releases/champion/test_rollback.py",
    ),
    Fault(
        "files of a release not checked",
        "if sha256_file(path) != release.files[name]:",
        "if False:",
        "releases/promotion/test_release.py releases/champion/test_rollback.py",
    ),
    Fault("drift with the wrong sign", "value - chance\n", "chance - value\n", "releases/drift"),
    Fault(
        "forgotten patient stays in releases",
        'gone = pc.or_(pc.is_in(images["patient_id"], value_set=named), ',
        'gone = pc.or_(pc.is_in(images["image_id"], value_set=named), ',
        "releases/erasure/test_forget.py",
    ),
    Fault("changed line of the audit log accepted", "if entry.previous != digest or ", "if ", "releases/lineage"),
    Fault(
        "row without a bag taken",
        "if not isinstance(bag, str) or not bag:",
        "if False:",
        "releases/searcher/test_pyfunc_of_bags.py releases/searcher/test_bags.py",
    ),
    Fault(
        "searcher stops answering in an outage",
        "except (MedhashError, OSError) as error:\n            problem = error.problem if",
        "except OSError as error:\n            problem = error.problem if",
        "releases/searcher/test_searcher.py releases/searcher/test_over_a_server.py",
    ),
    Fault(
        "notified twice",
        'message["state"]\n                )\n                break',
        'message["state"]\n                )',
        "platform/airflow/test_in_airflow.py",
    ),
    Fault(
        "last good result not put back", "if item in _locked(root):", "if False:", "platform/airflow/test_stage_run.py"
    ),
    Fault(
        "what is published is not held to dvc.lock",
        "    _require_as_locked(root, child, inputs)\n",
        "",
        "platform/worker",
    ),
    Fault(
        "worker pushes no run-cache",
        "push(child, [item], run_cache=True)",
        "push(child, [item], run_cache=False)",
        "platform/worker",
    ),
    Fault(
        "ended service not started again",
        "autorestart = true",
        "autorestart = false",
        "platform/services/test_supervisord.py",
    ),
    Fault(
        "unhealthy service left as it is",
        "if now - self._ill_since < UNHEALTHY_SECONDS:",
        "if True:",
        "platform/services/test_restart_policy.py",
    ),
    Fault(
        "down leaves processes",
        "    end_family(left)\n    return len(left)",
        "    return len(left)",
        "platform/services/test_supervisord.py",
    ),
    Fault(
        "benchmark row of other code up to date",
        "return {item for item in items if any(name.endswith(target(item)) for name in changed)}",
        "return set()",
        "benchmark",
    ),
    Fault("failed benchmark row exits 0", "return 1 if failed else 0", "return 0", "benchmark"),
)


def find(root: Path, text: str) -> Path | None:
    """The file in which the text stands once; None if there is none such."""
    found = [
        path
        for folder in ("medhash", "components")
        for path in sorted((root / folder).rglob("*.py"))
        if text in path.read_text()
    ]
    return found[0] if len(found) == 1 and found[0].read_text().count(text) == 1 else None


def copy_of_tree(target: Path) -> None:
    """Every file in git, as it is now, and a link to the environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)
    subprocess.run(["git", "init", "-q"], cwd=target, check=True)
    subprocess.run(["git", "add", "-A"], cwd=target, check=True)


def caught(root: Path, fault: Fault, broken: set[str]) -> str:
    """`caught`, with the first test that failed, `NOT CAUGHT`, or why it could not be tried.

    broken: tests that fail without a fault, too; those found are added.
    """
    path = find(root, fault.old)
    if path is None:
        return "NOT PLANTED: the text does not stand once in the code"
    whole = path.read_text()
    while True:
        path.write_text(whole.replace(fault.old, fault.new))
        try:
            failed = first_failure(root, [f"tests/{folder}" for folder in fault.tests.split()], broken)
        finally:
            path.write_text(whole)
        if failed is None:
            return "NOT CAUGHT"
        if first_failure(root, [failed], set()) is None:
            return f"caught by {failed}"
        broken.add(failed)


def first_failure(root: Path, tests: list[str], without: set[str]) -> str | None:
    """The first of the tests that fails; None if all pass."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", *tests, *(f"--deselect={one}" for one in sorted(without))],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, flags=re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return found[1]


def main(subjects: list[str]) -> int:
    missed, broken = 0, set[str]()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copy_of_tree(root)
        for fault in FAULTS:
            if not subjects or fault.subject in subjects:
                started = time.monotonic()
                verdict = caught(root, fault, broken)
                missed += not verdict.startswith("caught")
                print(f"{fault.subject}: {verdict} ({time.monotonic() - started:.0f} s)", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
