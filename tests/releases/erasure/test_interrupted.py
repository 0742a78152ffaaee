"""Killed at any of its writes: somebody always serves, a whole release, and the next call ends what was begun."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from releases.erasure.holding import places_of

from medhash.core import tracking
from medhash.releases.audit import read_log
from medhash.releases.registry import CHAMPION, Registry

REPOSITORY = Path(__file__).parents[3]
DEATHS = (
    "medhash.releases.erasure.forget.write_journal, before",  # the list is written, the journal is not
    "mlflow.MlflowClient.create_model_version, after",  # the first of two made anew
    "mlflow.MlflowClient.set_registered_model_alias, after",  # the first of three aliases moved
    "medhash.releases.erasure.derived._remove, after",  # the first folder of many gone
    "mlflow.MlflowClient.delete_model_version, after",  # the version gone, its bytes not
    "medhash.releases.erasure.forget.append, after",  # in the audit log, and the journal still there
)
CHILD = """
import importlib, os, signal, sys
import mlflow
import medhash.releases.erasure.forget
import medhash.releases.lease
from medhash.commands.forget import main

medhash.releases.lease.wait = lambda seconds: None

def arm(death):
    path, when = death.split(", ")
    owner, name = path.rsplit(".", 1)
    owner = mlflow.MlflowClient if owner.startswith("mlflow") else importlib.import_module(owner)
    def dying(*arguments, function=getattr(owner, name), **options):
        if when == "after":
            function(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, dying)

# Each act runs in a process of its own, forked from this one, which has all libraries loaded and nothing open.
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        if line.strip():
            arm(line.strip())
        os._exit(main([sys.argv[2], "--root", sys.argv[1], "--reason", "asked for"]))
    print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def run(child: subprocess.Popen, death: str) -> int:
    """Have the command run, to be killed there; its exit code."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(death + "\n")
    child.stdin.flush()
    while not (line := child.stdout.readline()).startswith("ended"):
        assert line, "the process that forks is gone"
    return int(line.split()[1])


def test_after_any_kill_there_is_one_champion_and_its_release_is_whole_and_the_end_is_the_same(holding, tmp_path):
    registry = Registry(tracking.connect(holding.workspace), "medhash-nih")
    told = tmp_path / "told"
    with (
        told.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(holding.root), holding.patient],
            cwd=REPOSITORY,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        ) as child,
    ):
        for number, death in enumerate(DEATHS):
            assert run(child, death) == -signal.SIGKILL, (death, told.read_text())
            champion = registry.version_of(CHAMPION)
            assert champion is not None, death
            registry.fetch_checked(champion, tmp_path / str(number))
            assert holding.workspace.forgotten.exists(), death
        assert run(child, "") == 0, told.read_text()
        assert child.stdin is not None
        child.stdin.close()
    assert places_of(holding.root, holding.patient, holding.image_ids, holding.squares) == []
    entries = [line.entry for line in read_log(holding.workspace) if line.entry.act == "forget"]
    assert len(entries) == 1, "written down once, though cut off right after it"
    assert entries[0].what["images"] == 3
    assert holding.patient not in told.read_text()
    versions = registry.client.search_model_versions("name = 'medhash-nih'")
    assert {version.tags["scrubbed_from"] for version in versions} == {"1", "2"}
    assert len(holding.workspace.forgotten.read_text().splitlines()) == 1
