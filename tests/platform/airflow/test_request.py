"""What a run is asked for becomes options of the commands, or an error before anything is computed."""

import pytest

from medhash.commands.drift import main as drift
from medhash.commands.promote import main as promote
from medhash.core.errors import MedhashError
from medhash.platform.airflow.request import FORM, Request

WHY = {"reason": "new scanner", "by": "Dr. A"}


@pytest.mark.parametrize(
    ("answers", "to_promote", "to_drift"),
    [
        ({}, [], []),
        ({name: field["default"] for name, field in FORM.items()}, [], []),
        ({"promotion": "dry-run"}, ["--dry-run"], []),
        ({"promotion": "force", **WHY}, ["--force", "--reason", "new scanner", "--by", "Dr. A"], []),
        ({"accept_drift": True, **WHY}, [], ["--accept", "--reason", "new scanner", "--by", "Dr. A"]),
        ({"promotion": "rule", **WHY}, [], []),
    ],
)
def test_answers_become_the_options_of_promote_and_drift(answers, to_promote, to_drift):
    request = Request(answers)
    assert (request.promote_arguments(), request.drift_arguments()) == (to_promote, to_drift)


@pytest.mark.parametrize("answers", [{"promotion": "force"}, {"accept_drift": True}])
def test_force_and_accepted_drift_need_a_reason_and_a_name(answers):
    with pytest.raises(MedhashError, match="needs `reason`"):
        Request({**answers, "by": "Dr. A", "reason": "  "})
    for nobody in (None, "Anonymous", "dag_test"):
        with pytest.raises(MedhashError, match="needs `by`"):
            Request({**answers, "reason": "new scanner"}, nobody)
    with pytest.raises(MedhashError, match="one line each"):
        Request({**answers, "by": "Dr. A", "reason": "new\nscanner"})


def test_the_account_that_started_the_run_gives_the_name_where_none_is_typed():
    assert Request({"promotion": "force", "reason": "new scanner"}, "dr.a").promote_arguments()[-1] == "dr.a"
    assert Request({"promotion": "force", **WHY}, "dr.a").promote_arguments()[-1] == "Dr. A"


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (promote, Request({"promotion": "force", **WHY}).promote_arguments()),
        (promote, Request({"promotion": "dry-run"}).promote_arguments()),
        (drift, Request({"accept_drift": True, **WHY}).drift_arguments()),
    ],
)
def test_the_commands_know_these_options(command, options, tmp_path, capsys):
    assert command([*options, "--root", str(tmp_path)]) == 1
    assert "params.yaml does not exist" in capsys.readouterr().err
