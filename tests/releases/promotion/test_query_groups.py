"""Query patients in turn: who is in which group, whose turn a day is, and how often each was asked."""

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from medhash.core.errors import MedhashError
from medhash.core.workspace import Workspace
from medhash.releases.promotion.query_groups import (
    decision_name,
    group_of,
    groups_of,
    read_query_usage,
    turn_of,
    usage_by_group,
    with_decision,
    write_query_usage,
)

PATIENTS = [f"{number:016x}" for number in range(4000)]


def test_groups_are_even_and_a_patient_s_group_depends_on_nobody_else() -> None:
    groups = groups_of(np.array(PATIENTS), 4, seed=7)
    assert np.bincount(groups).min() > 900
    some = np.array(PATIENTS[1000:1010] * 2)
    assert (groups_of(some, 4, seed=7) == np.tile(groups[1000:1010], 2)).all()
    assert len(groups_of(np.array([], str), 4, seed=7)) == 0
    assert (groups_of(np.array(PATIENTS), 4, seed=8) != groups).mean() > 0.6
    assert set(groups_of(PATIENTS, 1, seed=7).tolist()) == {0}


def test_groups_have_nothing_to_do_with_the_folds_of_the_same_seed() -> None:
    from components.split.split import hash_folds
    from medhash.core.params import SplitParams

    folds = hash_folds(PATIENTS, SplitParams(), 7)
    of_test = [group_of(patient, 4, 7) for patient, fold in zip(PATIENTS, folds, strict=True) if fold == "test"]
    assert np.bincount(of_test).min() > 0.2 * len(of_test)


def test_a_year_of_weekly_decisions_asks_every_group_thirteen_times_in_turn() -> None:
    start = date(2026, 1, 1)
    usage, groups = {}, []
    for week in range(52):
        turn = turn_of(start + timedelta(weeks=week), 4, 7, usage)
        groups.append(turn.group)
        usage = with_decision(usage, ["a"], decision_name("m", str(week), turn))
    assert groups == [week % 4 for week in range(52)]
    assert np.bincount(groups).tolist() == [13] * 4


@pytest.mark.parametrize("today", [date(2026, 1, 1), date(2026, 1, 8), date(2031, 7, 3)])
def test_the_first_decision_asks_the_first_group_whatever_the_date_and_so_does_its_repetition(today: date) -> None:
    first = turn_of(today, 2, 7, {})
    assert first.group == 0
    usage = with_decision({}, ["a"], decision_name("m", "1", first))
    assert turn_of(today, 2, 7, usage) == first
    later = turn_of(first.last_day + timedelta(days=1), 2, 7, usage)
    assert (later.group, later.next_of(0).number) == (1, first.number + 2)


def test_a_turn_is_days_since_1970_over_its_length_and_knows_its_days() -> None:
    usage = {"a": ["m 1, turn 0"]}
    turn = turn_of(date(1970, 1, 31), n_groups=3, days=7, usage=usage)
    assert (turn.number, turn.group) == (4, 1)
    assert (turn.first_day, turn.last_day) == (date(1970, 1, 29), date(1970, 2, 4))
    assert turn_of(turn.last_day, 3, 7, usage) == turn
    assert turn_of(turn.last_day + timedelta(days=1), 3, 7, usage).number == 5
    assert turn.next_of(1) == turn
    assert (turn.next_of(2).number, turn.next_of(0).number) == (5, 6)
    assert turn.next_of(0).first_day == date(1970, 2, 12)


def test_a_decision_counts_once_for_a_patient_however_often_it_is_run(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert read_query_usage(workspace) == {}
    for decision, asked in (("m 1, turn 8", ["a", "b"]), ("m 1, turn 8", ["a", "b"]), ("m 2, turn 8", ["b", "b"])):
        write_query_usage(workspace, with_decision(read_query_usage(workspace), asked, decision))
    assert read_query_usage(workspace) == {"a": ["m 1, turn 8"], "b": ["m 1, turn 8", "m 2, turn 8"]}
    use = usage_by_group(read_query_usage(workspace), ["a", "b", "c", "d"], np.array([0, 0, 0, 1]), 3)
    assert [(line.n_patients, line.least, line.median, line.most) for line in use] == [
        (3, 0, 1.0, 2),
        (1, 0, 0.0, 0),
        (0, 0, 0.0, 0),
    ]


@pytest.mark.parametrize("text", ["{", json.dumps({"a": 3}), "[]"])
def test_a_damaged_count_is_an_error_and_not_a_fresh_start(tmp_path: Path, text: str) -> None:
    workspace = Workspace(tmp_path)
    workspace.query_uses.parent.mkdir(parents=True)
    workspace.query_uses.write_text(text)
    with pytest.raises(MedhashError, match=r"query_uses\.json is damaged"):
        read_query_usage(workspace)
