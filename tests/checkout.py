"""Scratch checkouts of this repository for tests that run the whole pipeline: a small archive, quick settings."""

import csv
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
CLASSES = ["Atelectasis", "Effusion", "Infiltration"]
QUICK: dict[str, Any] = {
    "methods": ["lsh", "osdh"],
    "features": ["gist-512"],
    "size_px": 64,
    "split": {"strategy": "official", "test_share": 0.2, "val_share": 0.2, "max_test_cases_per_patient": 0},
    "labels": {"attribute": "finding", "classes": CLASSES, "no_finding": "label"},
    "train": {"epochs": 2, "patience": 2},
    "evaluate": {"bootstrap_samples": 50},
    # Two epochs on a few patients teach a network little: what the gates of codes are for is tested elsewhere.
    "quality": {
        "fold_share_tolerance": 1.0,
        "min_patients_per_label_and_fold": 1,
        "min_patients_of_half_a_fold": 0,
        "max_dead_bit_share": 1.0,
        "max_bit_imbalance": 0.5,
        "min_distinct_code_share": 0.0,
    },
    "promote": {"query_groups": 1, "max_p95_ms": 5000.0},  # few test patients; a busy machine is slow
    "schedule": {"cron": "0 0 29 2 *", "retries": 0, "gpu_slots": 2},  # un-pausing starts no run of its own
}
"""Sections of params.yaml, with only what differs from the defaults."""


def scratch_checkout(target: Path) -> Path:
    """A copy of every file that is in git or would be, with quick settings and a small archive, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file() and not name.startswith("data/sample/"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)
    (target / "dvc.lock").unlink(missing_ok=True)
    small_archive(target / "data" / "sample" / "nih")
    whole = yaml.safe_load((target / "params.yaml").read_text())
    settings = {
        key: ({**whole.get(key, {}), **value} if isinstance(value, dict) else value)
        for key, value in {**whole, **QUICK}.items()
    }
    (target / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    for arguments in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-q", "-m", "test"],
    ):
        subprocess.run(["git", *arguments], cwd=target, check=True)
    return target


def small_archive(target: Path, n_train: int = 24, n_test: int = 4) -> None:
    """Of both official lists the sample's first patients with each class, and without a finding, in NIH's layout.

    A bright square per class is painted on the films, so that any method has a lift on so few of them.
    """
    source = REPOSITORY / "data" / "sample" / "nih"
    with (source / "Data_Entry_2017_v2020.csv").open(newline="") as handle:
        header, *rows = csv.reader(handle)
    test_names = set((source / "test_list.txt").read_text().split())
    patients: set[str] = set()
    for label in (*CLASSES, "No Finding"):
        for in_test, count in ((False, n_train), (True, n_test)):
            carriers = [row[3] for row in rows if (row[0] in test_names) == in_test and label in row[1].split("|")]
            patients.update(list(dict.fromkeys(carriers))[:count])
    rows = [row for row in rows if row[3] in patients]
    names = {row[0] for row in rows}
    findings = {row[0]: row[1].split("|") for row in rows}
    target.mkdir(parents=True, exist_ok=True)
    with (target / "Data_Entry_2017_v2020.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])
    for listing in ("train_val_list.txt", "test_list.txt"):
        kept = [name for name in (source / listing).read_text().split() if name in names]
        (target / listing).write_text("\n".join(kept) + "\n")
    # No file name and no time in gzip's header: two checkouts made a second apart must hold the same bytes.
    with (
        tarfile.open(source / "images_001.tar.gz") as whole,
        (target / "images_001.tar.gz").open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as part,
    ):
        for member in whole:
            name = Path(member.name).name
            if name in names:
                content = with_squares(whole.extractfile(member).read(), findings[name])
                member.size = len(content)
                part.addfile(member, io.BytesIO(content))


def with_squares(png: bytes, findings: list[str]) -> bytes:
    """The film with a bright square for each of its findings, and another for none of them."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    side = len(image) // 2
    for place in [CLASSES.index(finding) for finding in findings if finding in CLASSES] or [len(CLASSES)]:
        top, left = place // 2 * side, place % 2 * side
        image[top + 8 : top + side - 8, left + 8 : left + side - 8] = 255
    return cv2.imencode(".png", image)[1].tobytes()


def checkout_environment(root: Path) -> dict[str, str]:
    """`python` is this interpreter, `components` the checkout's; nothing of the outer environment leads elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "MLFLOW", "MEDHASH", "DVC", "PYTHONDONTWRITEBYTECODE"))
    }
    return {
        **kept,
        "PYTHONPATH": str(root),
        "OMP_NUM_THREADS": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }


def run_in(root: Path, *arguments: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
    """`python ARGUMENTS` in the checkout; its output is text."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env=checkout_environment(root),
        text=True,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
