"""A coordinator and another machine, for tests of work that is done elsewhere."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
from checkout import REPOSITORY, checkout_environment

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Coordinator:
    """The checkout that decides, with its folder remote."""

    root: Path

    @property
    def store(self) -> Path:
        return self.root / "remote"

    def medhash(self, *arguments: str) -> Done:
        return run_medhash(self.root, *arguments)

    def published(self, *arguments: str) -> str:
        done = self.medhash("work", "--publish", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def git(self, *arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=self.root, text=True, capture_output=True, check=True).stdout


@dataclass(frozen=True)
class Machine:
    """Another machine: it has what the GPU image holds and an empty folder, and knows two addresses."""

    folder: Path
    coordinator: Coordinator
    python: Path
    program: Path

    def command(self, item: str, commit: str, **changed: str) -> list[str]:
        options = {
            "repository": str(self.coordinator.root),
            "commit": commit,
            "item": item,
            "folder": str(self.folder / "scratch"),
            "remote": f"store={self.coordinator.store}",
        } | changed
        return ["work", *(part for name, value in options.items() for part in (f"--{name}", value))]

    def work(self, item: str, commit: str, **changed: str) -> Done:
        return self.medhash(*self.command(item, commit, **changed))

    def medhash(self, *arguments: str) -> Done:
        return subprocess.run(
            [str(self.python), "-m", "medhash.cli", *arguments],
            cwd=self.folder,
            text=True,
            env=self.environment(),
            capture_output=True,
            timeout=300,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """Only what the image has on its paths, and one MLflow for all machines, whose tables are made once."""
        whole = checkout_environment(self.program) | {"MLFLOW_TRACKING_URI": os.environ["MEDHASH_TEST_MLFLOW"]}
        path = [part for part in whole["PATH"].split(os.pathsep) if part != str(Path(sys.executable).parent)]
        return whole | {"PATH": os.pathsep.join([str(self.python.parent), *path])}

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    def clone(self, item: str) -> Path:
        return self.scratch / "items" / item


def run_medhash(folder: Path, *arguments: str) -> Done:
    """`medhash ARGUMENTS` of this repository, run in a folder."""
    environment = checkout_environment(REPOSITORY) | {"MLFLOW_TRACKING_URI": os.environ["MEDHASH_TEST_MLFLOW"]}
    return subprocess.run(
        [sys.executable, "-m", "medhash.cli", *arguments],
        cwd=folder,
        text=True,
        env=environment,
        capture_output=True,
        timeout=300,
        check=False,
    )


def running_in(folder: Path) -> list[int]:
    """The processes that work in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found
