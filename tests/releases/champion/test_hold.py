"""Holding the champion: who, when and why stands in MLflow and in the audit log, until it is lifted."""

import json

import pytest
from releases.champion.registered import NAME, registry_of

from medhash.commands.hold import main
from medhash.core.workspace import Workspace
from medhash.releases.audit import read_log
from medhash.releases.hold import held
from medhash.releases.staging import staging


def hold(workspace: Workspace, *options: str) -> int:
    return main(["--root", str(workspace.root), *options])


def test_a_hold_lasts_until_it_is_lifted_and_both_are_in_the_audit_log(workspace, capsys):
    registry = registry_of(workspace)
    assert held(registry) is None
    assert hold(workspace, "--reason", "the archive is being moved", "--by", "Dr. Roe") == 0
    assert "is held, by Dr. Roe at 20" in capsys.readouterr().out
    found = held(registry)
    assert (found.who, found.reason) == ("Dr. Roe", "the archive is being moved")
    tag = json.loads(registry.client.get_registered_model(NAME).tags["hold"])
    assert tag == {"who": "Dr. Roe", "at": found.at, "reason": "the archive is being moved"}

    assert hold(workspace, "--reason", "another") == 1
    assert "held already, by Dr. Roe" in capsys.readouterr().err
    assert held(registry) == found

    assert hold(workspace, "--lift", "--reason", "it has moved") == 0
    assert held(registry) is None
    assert hold(workspace, "--lift") == 1
    assert "is not held" in capsys.readouterr().err
    entries = [line.entry for line in read_log(workspace)]
    assert [(entry.act, entry.who, entry.what["reason"]) for entry in entries] == [
        ("hold", "Dr. Roe", "the archive is being moved"),
        ("lift", "the tester", "it has moved"),
    ]


@pytest.mark.parametrize(
    "options",
    [[], ["--reason", " "], ["--reason", "two\nlines"], ["--reason", "x" * 501], ["--reason", "good", "--by", ""]],
)
def test_a_hold_needs_a_reason_and_a_name_of_one_line(workspace, capsys, options):
    assert hold(workspace, *options) == 1
    assert "--by" in (error := capsys.readouterr().err) or "--reason" in error
    assert held(registry_of(workspace)) is None
    assert read_log(workspace) == []


def test_a_hold_can_be_asked_for_while_a_promotion_is_under_way_and_says_so(workspace, capsys):
    with staging(workspace, registry_of(workspace)):
        assert hold(workspace, "--reason", "stop") == 0
    assert "is promoting since" in capsys.readouterr().out
    assert held(registry_of(workspace)) is not None


def test_a_tag_of_somebody_else_s_making_is_an_error_not_a_hold(workspace, capsys):
    registry_of(workspace).client.set_registered_model_tag(NAME, "hold", "yes")
    assert hold(workspace, "--lift") == 1
    assert "the tag hold in MLflow is not one that medhash wrote" in capsys.readouterr().err
