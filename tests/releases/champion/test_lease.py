"""One coordinator at a time: the lease on the registered model, and what becomes of one whose holder is gone."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from releases.champion.registered import NAME, aliases, registry_of

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.releases import lease as lease_module
from medhash.releases.lease import Lease, holder, leased
from medhash.releases.staging import staging


@pytest.fixture(autouse=True)
def real_waiting(monkeypatch):
    monkeypatch.setattr(lease_module, "wait", time.sleep)


def tag(workspace, **changed):
    """A lease as a coordinator on another machine would have written it."""
    now = datetime.now(UTC)
    values = {
        "token": "t",
        "host": "other-host",
        "machine": "m",
        "pid": 41,
        "checkout": "/srv/medhash",
        "since": now.isoformat(timespec="seconds"),
        "until": (now + timedelta(minutes=4)).isoformat(),
    } | changed
    registry_of(workspace).client.set_registered_model_tag(NAME, "lease", Lease(**values).model_dump_json())


def lease_tag(workspace):
    return registry_of(workspace).client.get_registered_model(NAME).tags.get("lease")


def test_a_lease_of_another_machine_is_respected_and_the_refusal_names_it(workspace):
    tag(workspace)
    with pytest.raises(MedhashError) as refused, staging(workspace, registry_of(workspace)):
        pass
    assert "another promotion is under way on medhash-nih: process 41 on other-host, in /srv/medhash, since 20" in str(
        refused.value
    )
    assert "ends by itself at" in refused.value.fix
    assert json.loads(lease_tag(workspace))["host"] == "other-host"


def test_a_lease_that_expired_is_taken_over_and_given_back(workspace):
    tag(workspace, until=(datetime.now(UTC) - timedelta(seconds=1)).isoformat())
    with staging(workspace, registry_of(workspace)):
        held = json.loads(lease_tag(workspace))
        assert (held["pid"], held["checkout"]) == (os.getpid(), str(workspace.root.resolve()))
    assert lease_tag(workspace) is None


def test_a_lease_whose_process_was_killed_on_this_machine_is_taken_over_at_once(workspace):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    tag(workspace, machine=lease_module._machine(), pid=child.pid)
    with pytest.raises(MedhashError, match=f"process {child.pid}"), staging(workspace, registry_of(workspace)):
        pass
    child.kill()
    deadline = time.monotonic() + 10
    while holder(registry_of(workspace)) and time.monotonic() < deadline:
        time.sleep(0.02)  # it is a zombie now, which counts as gone
    with staging(workspace, registry_of(workspace)):
        assert json.loads(lease_tag(workspace))["pid"] == os.getpid()
    child.wait()


def test_of_coordinators_that_start_at_once_never_two_hold_it(workspace, tmp_path_factory):
    inside, overlaps, refused, held = [0], [], [], []
    coordinators = [(Workspace(tmp_path_factory.mktemp("checkout")), registry_of(workspace)) for _ in range(4)]

    def promote(checkout, registry):
        for _ in range(3):
            try:
                with leased(checkout, registry):
                    inside[0] += 1
                    overlaps.append(inside[0])
                    time.sleep(0.05)
                    inside[0] -= 1
                    held.append(registry)
            except MedhashError as error:
                refused.append(error.problem)

    threads = [threading.Thread(target=promote, args=coordinator) for coordinator in coordinators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) + len(refused) == 12
    assert held
    assert set(overlaps) == {1}
    assert all("another promotion is under way" in problem or "was lost" in problem for problem in refused)
    assert lease_tag(workspace) is None


def test_of_two_who_write_at_once_the_later_has_it(workspace, monkeypatch):
    waited_s = []

    def other_writes(seconds):
        waited_s.append(seconds)
        tag(workspace)

    monkeypatch.setattr(lease_module, "wait", other_writes)
    with pytest.raises(MedhashError, match="process 41 on other-host"), staging(workspace, registry_of(workspace)):
        pass
    assert len(waited_s) == 1
    assert waited_s[0] >= 0.1
    assert json.loads(lease_tag(workspace))["host"] == "other-host"


def test_who_loses_the_lease_midway_does_not_move_the_champion_and_leaves_the_new_holder_s_lease(workspace):
    registry = registry_of(workspace)
    with staging(workspace, registry):
        tag(workspace)  # its clock is far ahead, and it took over
        with pytest.raises(MedhashError, match="another promotion is under way"):
            registry.promote(registry.version("1"))
    assert aliases(workspace)["champion"] == 3
    assert json.loads(lease_tag(workspace))["host"] == "other-host"


def test_a_long_promotion_renews_its_lease(workspace, monkeypatch):
    monkeypatch.setattr(lease_module, "_RENEWED", timedelta(seconds=0.05))
    with staging(workspace, registry_of(workspace)):
        first = json.loads(lease_tag(workspace))
        deadline = time.monotonic() + 20
        while json.loads(lease_tag(workspace))["until"] == first["until"] and time.monotonic() < deadline:
            time.sleep(0.1)
        later = json.loads(lease_tag(workspace))
    assert later["until"] > first["until"]
    assert (later["token"], later["since"]) == (first["token"], first["since"])
    assert lease_tag(workspace) is None


def test_a_tag_that_is_no_lease_is_an_error_that_names_it(workspace):
    registry_of(workspace).client.set_registered_model_tag(NAME, "lease", "mine")
    with (
        pytest.raises(MedhashError, match="the tag lease of medhash-nih is not one that medhash wrote"),
        staging(workspace, registry_of(workspace)),
    ):
        pass


def test_a_second_promotion_in_the_same_checkout_is_refused_before_it_asks_mlflow(workspace):
    registry = registry_of(workspace)
    with staging(workspace, registry) as folder:
        (folder / "work").mkdir()
        with pytest.raises(MedhashError, match="in this checkout"), staging(workspace, registry):
            pass
        assert (folder / "work").exists()
    assert not Path(folder).exists()
