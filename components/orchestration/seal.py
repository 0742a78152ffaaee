"""The seal at the end of a run: nothing is stale, and this is the digest of dvc.lock that says what was computed."""

import json
from pathlib import Path

from components.errors import MedhashError
from components.files import sha256_file
from components.orchestration.process import Child
from components.orchestration.stage_run import DVC


def seal(root: Path, child: Child) -> str:
    """SHA-256 of dvc.lock, once `dvc status` finds that every result agrees with data, code and settings.

    Single stages run by name do not look at what lies before them, so a change made while the run was under way
    would go unnoticed without this. Raises MedhashError naming the stale stages.
    """
    if child.run([*DVC, "status", "--quiet"]).code != 0:
        raise MedhashError(
            f"these stages are stale: {', '.join(_stale(child)) or 'dvc status tells which'}",
            "data, code or settings changed during the run: run it again",
        )
    return sha256_file(root / "dvc.lock")


def _stale(child: Child) -> list[str]:
    finished = child.run([*DVC, "status", "--json"])
    for line in reversed(finished.tail):
        if line.startswith("{"):
            return sorted(json.loads(line))
    return []
