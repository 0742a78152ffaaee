"""The command on a small archive with real DVC: the table against the figures measured, resuming, the cache.

Shallow rows show it cheaply; rows that train networks, and an interrupt amid one, are thorough.
"""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import psutil
import pytest
import yaml
from checkout import checkout_environment, run_in, scratch_checkout

BITS, SEEDS = 144, (0, 1)
SHALLOW, DEEP = ("lsh", "dh"), ("lsh", "drh-18", "drh-nb-18")
EPOCHS = 12
ASKED = (
    "-m",
    "medhash.cli",
    "benchmark",
    "--table",
    "drh2",
    "--epochs",
    str(EPOCHS),
    "--bits",
    str(BITS),
    "--jobs",
    "2",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """After one run, with another pipeline's lock beside; `dh` cannot make 144 bits of 140 images."""
    root = scratch_checkout(tmp_path_factory.mktemp("benchmark") / "checkout")
    done = run_in(root, *ASKED, "--seeds", "0", "--methods", *SHALLOW)
    return root, done


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """After a run that trained networks."""
    root = scratch_checkout(tmp_path_factory.mktemp("benchmark") / "trained")
    done = run_in(root, *ASKED, "--seeds", "0", "1", "--methods", *DEEP)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


@dataclass(frozen=True)
class Interrupted:
    """What was seen of a run that was interrupted, and of the same command after it."""

    said: str
    code: int
    left_running: list[psutil.Process]
    n_epochs_before: int
    again: subprocess.CompletedProcess[str]
    kept_times: tuple[int, int]
    """When a row that the first run measured was written: before, and after both."""


@pytest.fixture(scope="module")
def interrupted(trained):
    """A second run that lacks one row, interrupted in its training, and the same command once more."""
    root = trained
    asked = [*ASKED, "--seeds", "0", "--methods", "lsh", "drh-18", "drh-nb-18", "dph-18"]
    kept = root / f"data/benchmark/sample/rows/drh-18/{BITS}-0/metrics.json"
    written = kept.stat().st_mtime_ns
    state = root / f"var/benchmark/sample/rows/dph-18-{BITS}-0/checkpoints/dph-18/state.json"
    with subprocess.Popen(
        [sys.executable, *asked],
        cwd=root,
        env=checkout_environment(root),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        deadline = time.monotonic() + 90
        while not state.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    left = psutil.wait_procs(family, timeout=10)[1]
    n_epochs = len(json.loads(state.read_text())["state"]["history"])
    again = run_in(root, *asked)
    return Interrupted(said, process.returncode, left, n_epochs, again, (written, kept.stat().st_mtime_ns))


def metrics_of(root, method, seed):
    return json.loads((root / f"data/benchmark/sample/rows/{method}/{BITS}-{seed}/metrics.json").read_text())


def table_of(root, name="drh2"):
    with (root / f"reports/tables/sample/{name}.csv").open() as handle:
        return list(csv.DictReader(handle))


def test_a_failed_row_is_shown_the_others_finish_and_the_exit_code_is_1(checkout):
    _, done = checkout
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"failed +dh 144 bits seed 0 .*at least 145 training images", done.stdout)
    assert "1 done, 0 from cache, 1 failed" in done.stdout
    assert "| dh | failed |" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def assert_table_holds(root, methods, seeds):
    cells = {(cell["method"], cell["figure"]): cell for cell in table_of(root)}
    for method in methods:
        found = [metrics_of(root, method, seed) for seed in seeds]
        for figure in ("map", "precision_h2"):
            values = [one["figures"][figure] for one in found]
            cell = cells[method, figure]
            assert float(cell["mean"]) == pytest.approx(np.mean(values), abs=1e-6)
            assert cell["n_seeds"] == str(len(seeds))
            if len(seeds) > 1:
                assert float(cell["std"]) == pytest.approx(np.std(values, ddof=1), abs=1e-6)
            assert float(cell["chance"]) == pytest.approx(found[0]["chance"][figure], abs=1e-6)
            widest = max(found, key=lambda one: one["intervals"][figure]["high"] - one["intervals"][figure]["low"])
            assert float(cell["low"]) == pytest.approx(widest["intervals"][figure]["low"], abs=1e-6)


def test_the_table_holds_what_the_rows_measured(checkout):
    root, _ = checkout
    assert_table_holds(root, ["lsh"], [0])
    assert next(cell for cell in table_of(root) if cell["method"] == "dh")["mean"] == ""


@pytest.mark.thorough
def test_the_table_holds_what_trained_rows_measured(trained):
    assert_table_holds(trained, DEEP, SEEDS)


@pytest.mark.thorough
def test_the_unbinarised_row_is_of_the_binarised_rows_model(trained):
    for seed in SEEDS:
        relaxed, binary = metrics_of(trained, "drh-nb-18", seed), metrics_of(trained, "drh-18", seed)
        assert (relaxed["method"], binary["method"]) == ("drh-nb-18", "drh-18")
        assert relaxed["model_digest"] == binary["model_digest"]
        assert relaxed["figures"]["map"] != binary["figures"]["map"]


@pytest.mark.thorough
def test_the_page_says_what_was_trained_and_what_binarising_costs(trained):
    page = (trained / "reports/tables/sample/drh2.html").read_text()
    assert f"{EPOCHS} asked for; run: {EPOCHS}" in page
    assert "Cost of binarisation" in page
    assert "Differences from the paper" in page


def test_the_page_stands_alone_and_says_what_ran(checkout):
    root, _ = checkout
    page = (root / "reports/tables/sample/drh2.html").read_text()
    assert "Conditions" in page
    assert "64 px" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    for name in ("drh2.md", "drh2-precision-recall.png"):
        assert (root / "reports" / "tables" / "sample" / name).stat().st_size > 0


def test_the_pipeline_does_not_see_the_benchmark(checkout):
    root, _ = checkout
    status = run_in(root, "-m", "dvc", "status", "--json")
    assert not [name for name in json.loads(status.stdout.splitlines()[-1]) if "benchmark" in name or "row" in name]
    from dvc.repo import Repo

    from medhash.core.graph import read_graph

    stages = {stage.name for stage in Repo(str(root)).index.stages if stage.path.endswith("dvc.yaml")}
    assert stages == {item for stage in read_graph(root) for item in stage.items}
    own = {stage.name for stage in Repo(str(root / "data" / "benchmark")).index.stages}
    assert {"prepare", "row@144-0"} == own


def test_git_sees_stages_and_locks_and_no_result(checkout):
    root, _ = checkout
    seen = subprocess.run(
        ["git", "status", "--porcelain", "-uall"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {
        "data/benchmark/sample/dvc.lock",
        "data/benchmark/sample/rows/lsh/dvc.lock",
        "data/benchmark/sample/params.yaml",
    } <= set(seen)
    assert not [path for path in seen if path.endswith((".parquet", ".npy", ".safetensors", "metrics.json"))]
    lock = yaml.safe_load((root / "data/benchmark/sample/rows/lsh/dvc.lock").read_text())
    assert str(root) not in json.dumps(lock), "two checkouts share the cache by equal paths"


@pytest.mark.thorough
def test_a_second_run_trains_only_what_is_missing(interrupted):
    again = interrupted.again
    assert again.returncode == 0, again.stdout + again.stderr
    assert "1 done, 3 from cache, 0 failed" in again.stdout
    before, after = interrupted.kept_times
    assert before == after


@pytest.mark.thorough
def test_an_interrupted_run_leaves_nothing_running_and_goes_on_from_its_last_epoch(trained, interrupted):
    root = trained
    assert interrupted.code == 130, interrupted.said
    assert "run the same command again" in interrupted.said
    assert not interrupted.left_running
    log = (root / f"var/benchmark/sample/logs/dph-18-{BITS}-0.log").read_text()
    first = re.search(rf"(\d+)/{EPOCHS} ", log)
    assert first is not None
    assert int(first[1]) >= interrupted.n_epochs_before >= 1
    facts = json.loads((root / f"data/benchmark/sample/rows/dph-18/{BITS}-0/facts.json").read_text())
    assert facts["n_epochs"] == EPOCHS
