"""A promotion that is killed at its writes, and one that meets another champion than it compared with."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from checkout import REPOSITORY
from releases.promotion.planted import SETS, by_label, plant

from medhash.core import tracking
from medhash.core.errors import MedhashError
from medhash.releases.audit import read_log
from medhash.releases.hold import Hold, hold
from medhash.releases.promotion import promote as module
from medhash.releases.promotion.promote import promote
from medhash.releases.promotion.query_groups import read_query_usage
from medhash.releases.registry import Registry

KILLED_BEFORE = ["append", "set_registered_model_alias"]
"""Of the challenger's and the champion's alias and of the audit line; without names `kill_sweep.py` takes every write,
which takes minutes."""


def test_a_kill_leaves_one_whole_champion_and_running_again_completes(served: Any, tmp_path: Path) -> None:
    plant(served, "itq", by_label(SETS))
    (tmp_path / "scratch").mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, Path(__file__).with_name("kill_sweep.py"), served.root, tmp_path / "scratch"]
    done = subprocess.run([*command, *KILLED_BEFORE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kills = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [kill["before"] for kill in kills] == ["set_registered_model_alias", "append", "set_registered_model_alias"]
    assert [kill["killed"]["aliases"]["champion"] for kill in kills] == ["lsh"] * 3
    for kill in kills:
        assert kill["killed"]["versions"] in (1, 2)
        again = kill["again"]
        assert again == {
            **again,
            "aliases": {"champion": "itq", "previous": "lsh"},
            "versions": 2,
            "left": [],
            "acts": ["promote", "promote"],
            "audit": again["last"],
            "uses": [2] * 6,
            "files": ["latest.json", "version-1.html", "version-2.html"],
        }, kill


def test_a_champion_made_while_another_was_compared_with_is_not_overwritten(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(served, "itq", by_label(SETS))
    registry = Registry(tracking.connect(served.workspace), "medhash-nih")
    real = module.gather

    def meanwhile(*given: Any) -> Any:
        registry.point("champion", registry.version_of("challenger"))  # another coordinator, against all rules
        return real(*given)

    monkeypatch.setattr(module, "gather", meanwhile)
    with pytest.raises(MedhashError, match="the champion changed while"):
        promote(served.workspace, served.params("itq"))
    last = read_log(served.workspace)[-1].entry
    assert (last.act, last.what["failed"]) == ("refuse", ["champion"])
    assert "promote" not in registry.version_of("challenger").tags.get("decision", "")
    assert set(map(len, read_query_usage(served.workspace).values())) == {1}  # nothing was decided


def test_a_hold_that_comes_at_the_last_moment_is_heeded_and_the_version_says_so(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(served, "itq", by_label(SETS))
    registry, real = Registry(tracking.connect(served.workspace), "medhash-nih"), module.record_decision

    def meanwhile(*given: Any) -> Any:
        found = real(*given)
        hold(served.workspace, registry, Hold.now("wait", "Dr. B"))
        return found

    monkeypatch.setattr(module, "record_decision", meanwhile)
    with pytest.raises(MedhashError, match="put on hold"):
        promote(served.workspace, served.params("itq"))
    assert registry.version_of("champion").tags["method"] == "lsh"
    challenger = registry.version_of("challenger")
    assert (challenger.tags["decision"], challenger.tags["failed_clauses"]) == ("not promoted", "champion")
    assert [line.entry.act for line in read_log(served.workspace)] == ["promote", "promote", "hold", "refuse"]
    assert read_log(served.workspace)[-1].digest == challenger.tags["audit"]
