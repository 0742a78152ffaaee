"""Runs of a small DAG in a real Airflow with a real database: notes, notifications, events, environments, messages."""

import email.policy
import html
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from checkout import REPOSITORY, checkout_environment
from sinks import Sinks, open_sinks

pytestmark = pytest.mark.slow
STAGE = """
import os, pathlib, sys
wish = pathlib.Path('wish').read_text()
print('asked by', os.environ['MEDHASH_WHO'], 'in', os.environ['MEDHASH_AIRFLOW_RUN'], flush=True)
if wish == 'mendable':
    sys.exit('error: row 3 has no patient\\n  fix: mend row 3')
if wish == 'crash':
    sys.exit('cannot read /archive/DOE^JOHN.dcm')
pathlib.Path('result').write_text(wish)
"""
REFUSE = """
import sys
from pathlib import Path
from medhash.releases.promotion.latest import Latest, write_latest
from medhash.core.workspace import Workspace
print('promotes with', sys.argv[1:])
if '--dry-run' not in sys.argv:
    write_latest(Workspace(Path('.')), Latest(
        model='medhash-test', version='4', promoted=False, outcome='not promoted', why='the gain is too small',
        failed_clauses=['gain']))
"""


@dataclass
class Runs:
    """What each command printed, and what came of all of them."""

    said: dict[str, str]
    sinks: Sinks
    events: list[dict[str, Any]]
    """What the updates of the archive's asset say."""
    log: str
    """Of the DAG processor about the small DAGs."""

    def documents(self, run_state: str) -> list[dict[str, Any]]:
        """What the webhook got about runs of the small DAG that ended so."""
        return [
            document
            for method, path, _, document in self.sinks.requests
            if (method, path) == ("POST", "/hook") and document["state"] == run_state
        ]


def make_checkout(root: Path) -> None:
    for name, text in {
        "stage.py": STAGE,
        "refuse.py": REFUSE,
        "wish": "good",
        "archive/one.png": "1",
        "dvc.yaml": "stages:\n  train:\n    matrix: {method: [lsh]}\n    cmd: python stage.py\n    deps: [wish]\n"
        "    outs: [result]\n",
        "params.yaml": yaml.safe_dump(
            {
                "methods": ["lsh"],
                "ingest": {"archive": "archive"},
                "schedule": {
                    "retries": 0,
                    "notify": {"webhook": "ward", "email": "mail", "recipients": ["ops@hospital.example"]},
                },
            }
        ),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "dags").mkdir()
    shutil.copy(Path(__file__).with_name("small_dag.py"), root / "dags")
    shutil.copy(REPOSITORY / "dags" / "watch_archive.py", root / "dags")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], cwd=root, check=True)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Iterator[Runs]:
    root = tmp_path_factory.mktemp("checkout")
    make_checkout(root)
    with open_sinks() as sinks:
        ward = {
            "conn_type": "http",
            "host": f"http://127.0.0.1:{sinks.http_port}/hook",
            "login": "bot",
            "password": "s3cret",
        }
        mail = {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": sinks.mail_port,
            "extra": {"from_email": "medhash@hospital.example", "disable_ssl": True, "disable_tls": True},
        }
        environment = {
            **checkout_environment(REPOSITORY),
            "PYTHONPATH": f"{REPOSITORY}:{root}",
            "MEDHASH_ROOT": str(root),
            "AIRFLOW_HOME": str(root / "var" / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
            "AIRFLOW_CONN_WARD": json.dumps(ward),
            "AIRFLOW_CONN_MAIL": json.dumps(mail),
            "AIRFLOW_CONN_NOWHERE": "smtp://127.0.0.1:1",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "0",
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{sinks.http_port}",
        }
        small, look = ["dags", "test", "small"], ["dags", "test", "watch_archive"]
        steps: dict[str, tuple[dict[str, str], list[str]]] = {
            "migrate": ({}, ["db", "migrate"]),
            "refused": ({}, small),
            "nobody": ({}, [*small, "-c", '{"promotion": "force", "reason": "new scanner"}']),
            "gate": ({"wish": "mendable"}, small),
            "crash": ({"wish": "crash"}, small),
            "forced": (
                {"wish": "good"},
                [
                    "dags",
                    "test",
                    "unreachable",
                    "-c",
                    json.dumps({"promotion": "force", "reason": "new scanner", "by": "Dr. A"}),
                ],
            ),
            "look 1": ({}, look),
            "look 2": ({}, look),
            "look 3": ({}, look),
            "callbacks": ({}, ["dag-processor", "--num-runs", "3"]),
        }
        program = Path(__file__).with_name("run_in_airflow.py")
        done = subprocess.run(
            [sys.executable, str(program), json.dumps(list(steps.values()))],
            cwd=root,
            text=True,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
        )
        parts = done.stdout.split("COMMAND ")[1:]
        assert len(parts) == len(steps), done.stdout[-5000:]
        with sqlite3.connect(root / "var" / "airflow" / "airflow.db") as database:
            events = [json.loads(extra) for (extra,) in database.execute("select extra from asset_event order by id")]
        (log,) = (root / "var" / "airflow" / "logs" / "dag_processor").rglob("small_dag.py.log")
        yield Runs(dict(zip(steps, parts, strict=True)), sinks, events, log.read_text())


def test_a_stage_and_a_promotion_know_the_run_they_are_of(runs):
    assert "asked by airflow:manual__" in runs.said["refused"]
    assert "promotes with ['promote']" in runs.said["refused"]
    assert "promotes with ['promote', '--force', '--reason', 'new scanner', '--by', 'Dr. A']" in runs.said["forced"]


def test_a_force_in_nobodys_name_ends_the_run_before_anything_is_computed(runs):
    assert "needs `by`" in runs.said["nobody"]
    assert "dvc" not in runs.said["nobody"].split("started")[1].split("failed")[0]
    assert "promotes with" not in runs.said["nobody"]


def test_the_note_of_a_run_says_the_decision_or_where_and_why_it_failed(runs):
    notes = [
        document["note"]
        for method, path, token, document in runs.sinks.requests
        if method == "PATCH" and path.startswith("/api/v2/dags/small/dagRuns/manual__") and token == "Bearer token-1"
    ]
    assert notes[0] == "medhash-test version 4: not promoted\nfailed: gain\nthe gain is too small"
    assert "failed at train@lsh\nrow 3 has no patient\n  fix: mend row 3" in notes


def test_the_webhook_gets_the_decision_with_the_login_of_its_connection(runs):
    method, _, authorization, document = next(request for request in runs.sinks.requests if request[1] == "/hook")
    assert (method, authorization) == ("POST", "Basic Ym90OnMzY3JldA==")  # bot:s3cret
    assert {**document, "run": "", "link": ""} == {
        "dag": "small",
        "run": "",
        "state": "success",
        "champion": None,
        "decision": "not promoted",
        "failed_task": None,
        "message": "the gain is too small",
        "link": "",
    }
    assert document["link"].endswith(f"/dags/small/runs/{document['run'].replace(':', '%3A').replace('+', '%2B')}")


def text_of(mail: str) -> str:
    """The text of a mail, which is one preformatted part of HTML."""
    (part,) = email.message_from_string(mail, policy=email.policy.default).iter_parts()
    return html.unescape(part.get_content()).strip().removeprefix("<pre>").removesuffix("</pre>")


def test_a_mail_tells_the_same(runs):
    assert set(runs.sinks.recipients) == {"<ops@hospital.example>"}
    first = runs.sinks.mails[0]
    for words in ("Subject: small: not promoted", "From: medhash@hospital.example"):
        assert words in first
    _, _, _, document = next(request for request in runs.sinks.requests if request[1] == "/hook")
    told = [f"{name.replace('_', ' ')}: {value}" for name, value in document.items() if value]
    assert text_of(first).splitlines() == told


def test_a_failed_gate_is_told_with_its_fix_and_a_crash_without_what_it_printed(runs):
    told = {document["message"]: document["failed_task"] for document in runs.documents("failed")}
    assert told["row 3 has no patient\n  fix: mend row 3"] == "train@lsh"
    crash = next(message for message in told if message.startswith("it ended without a message"))
    assert told[crash] == "train@lsh"
    assert "DOE" in runs.said["crash"]
    texts = [json.dumps(request[3]) for request in runs.sinks.requests] + [text_of(mail) for mail in runs.sinks.mails]
    assert "DOE" not in "".join(texts)


def test_the_last_words_of_a_failed_task_are_its_message_and_the_fix(runs):
    lines = [line for line in runs.said["gate"].splitlines() if "medhash" in line or "Task failed" in line]
    after = "\n".join(lines[max(number for number, line in enumerate(lines) if "Task failed" in line) :])
    assert after.index("row 3 has no patient") < after.index("fix: mend row 3")


def test_a_message_that_cannot_be_delivered_shows_in_the_log_and_keeps_nobody_else_from_hearing(runs):
    assert "connection nowhere: attempt 2 of 2" in runs.log
    told = [document for state in ("success", "failed") for document in runs.documents(state)]
    assert [document["decision"] for document in told if document["dag"] == "unreachable"] == ["not promoted"]
    assert len(runs.sinks.mails) == len(told) - 1 == 4
    assert "no notification is sent" in runs.said["refused"], "a run of `airflow dags test` is no news by itself"


def test_two_looks_at_rest_update_the_asset_once(runs):
    assert runs.events == [{"n_files": 1, "n_bytes": 1}]
    assert "a run starts once two looks" in runs.said["look 1"]
    assert "has changed and come to rest" in runs.said["look 2"]
    assert "as it was when the last run was started" in runs.said["look 3"]
