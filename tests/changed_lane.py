"""Print the files of thorough tests whose subject changed: what `THOROUGH=1 .ci/run` runs beside `make test`.

`python tests/changed_lane.py` in the root of the repository. Changed is what differs from where this branch left
origin/main; on main itself, or where there is no such branch, what the last commits changed.
"""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
LAST_COMMITS = 20
EVERYWHERE = ("medhash/core/process.py", "medhash/core/tracking.py", "medhash/core/workspace.py", "requirements.lock")
"""What all thorough tests stand on."""
SERVICES = ("medhash/platform/services", "medhash/platform/airflow/home.py", "tests/airflow_rest.py")
CHECKOUTS = ("dvc.yaml", "params.yaml", "tests/checkout.py")
COVERED = {
    "tests/benchmark/test_benchmark_run.py": (
        "medhash/benchmark",
        "medhash/commands/benchmark.py",
        "medhash/training",
        *CHECKOUTS,
    ),
    "tests/pipeline/test_on_postgres.py": (
        "medhash/platform",
        "medhash/archives/watch.py",
        "medhash/releases/searcher",
        "medhash/releases/promotion",
        "dags",
        "deploy/server",
        "tests/server.py",
        "tests/postgres.py",
        *CHECKOUTS,
        *SERVICES,
    ),
    "tests/pipeline/test_whole_pipeline.py": ("medhash/platform", "dags", *CHECKOUTS, *SERVICES),
    "tests/plan/test_what_runs_is_planned.py": ("components", "medhash/core", "medhash/hashing/method_code.py"),
    "tests/platform/services/test_up_and_down.py": (*CHECKOUTS, *SERVICES),
    "tests/platform/worker/test_another_machine.py": (
        "medhash/platform/worker",
        "medhash/platform/airflow",
        "medhash/platform/stage_run.py",
        "medhash/commands/work.py",
        "deploy/kubernetes",
        "tests/machines.py",
        "tests/slim_environment.py",
        *CHECKOUTS,
    ),
    "tests/releases/searcher/test_without_checkout.py": (
        "medhash/releases/searcher",
        "medhash/releases/logged_model.py",
        "medhash/releases/pyfunc_model.py",
        "medhash/archives/decode.py",
        "tests/slim_environment.py",
    ),
    "tests/releases/searcher/test_over_a_server.py": (
        "medhash/releases/searcher",
        "medhash/releases/lease.py",
        "medhash/releases/registry.py",
        "medhash/releases/rollback.py",
        "medhash/releases/logged_model.py",
        "medhash/releases/pyfunc_model.py",
    ),
    "tests/training/test_bags.py": ("medhash/training", "medhash/hashing"),
    "tests/training/test_structured.py": ("medhash/training", "medhash/hashing"),
}
"""File of thorough tests → the files and folders whose behaviour it tests."""


def thorough_files(changed: list[str]) -> list[str]:
    """The test files to run for these changed paths, relative to the root."""
    return [
        file
        for file, covered in COVERED.items()
        if any(
            path == part or path.startswith(f"{part}/") for path in changed for part in (file, *covered, *EVERYWHERE)
        )
    ]


def changed_paths(root: Path) -> tuple[list[str], str]:
    """The changed paths, and since when, in words. A shallow clone without an earlier commit knows none."""
    head, main = _git(root, "rev-parse", "HEAD"), _git(root, "rev-parse", "--verify", "--quiet", "origin/main")
    base = _git(root, "merge-base", "HEAD", "origin/main") if main else ""
    if base and base != head:
        since = "since this branch left origin/main"
    else:
        base = _git(root, "rev-list", "--first-parent", f"--max-count={LAST_COMMITS + 1}", "HEAD").splitlines()[-1]
        since = f"in the last {LAST_COMMITS} commits"
    if base == head:
        return [], "not known: this clone holds one commit"
    return _git(root, "diff", "--name-only", base).splitlines(), f"{since} ({base[:12]})"


def _git(root: Path, *arguments: str) -> str:
    """git's answer; empty where it has none, as for a branch that is not there."""
    return subprocess.run(["git", *arguments], cwd=root, text=True, capture_output=True, check=False).stdout.strip()


if __name__ == "__main__":
    paths, since = changed_paths(REPOSITORY)
    files = thorough_files(paths)
    print(f"thorough tests of what changed {since}: {', '.join(files) or 'none'}", file=sys.stderr)
    print("\n".join(files))
