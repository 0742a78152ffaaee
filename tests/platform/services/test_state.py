"""Who runs the services, as another command reads it."""

import os

import pytest

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.platform.services.state import acquire, acquire_or_refuse, last_state, new_state, runs_here, state_file


def test_who_asks_while_the_lock_is_held_is_told_who_holds_it(tmp_path):
    workspace = Workspace(tmp_path)
    state = new_state(os.getpid(), 8080, 5000).model_copy(update={"who": "anna", "host": "server"})
    with acquire_or_refuse(workspace):
        state.write(state_file(workspace))
        assert acquire(workspace) is None
        with pytest.raises(MedhashError, match=r"started by anna on server .* process \d+: Airflow on port 8080"):
            acquire_or_refuse(workspace)
    acquire_or_refuse(workspace).close()


def test_a_number_that_another_process_has_by_now_is_not_the_one_that_was_noted():
    state = new_state(os.getppid(), 8080, 5000)
    assert not runs_here(state.model_copy(update={"started_at": 0.0}))
    assert not runs_here(state.model_copy(update={"pid": 2**22 + 1}))


def test_a_file_of_another_version_is_set_aside_and_hides_nothing(tmp_path):
    workspace = Workspace(tmp_path)
    state = new_state(os.getpid(), 8080, 5000)
    state.write(state_file(workspace))
    assert last_state(workspace) == state
    state_file(workspace).write_text("{")
    assert last_state(workspace) is None
    assert state_file(workspace).with_suffix(".unreadable").exists()
