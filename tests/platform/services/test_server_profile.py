"""The server profile's files: secrets that are fresh and closed, a strict reader, and units that systemd takes."""

import configparser
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import REPOSITORY

from medhash.core.errors import MedhashError
from medhash.platform.services.make_server import make_server
from medhash.platform.services.server_environment import read_environment

UNITS = REPOSITORY / "deploy" / "server" / "systemd"
USERS = ["anna:ADMIN", "ben:VIEWER"]
DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=postgresql+psycopg2://"


@pytest.fixture
def made(tmp_path) -> tuple[Path, Path]:
    """A checkout's folder and the folder of the files made for it."""
    root = tmp_path / "medhash"
    shutil.copytree(REPOSITORY / "deploy" / "server", root / "deploy" / "server")
    make_server(root, tmp_path / "etc", USERS)
    return root, tmp_path / "etc"


def test_every_file_is_its_owners_only_and_no_two_servers_share_a_secret(made, tmp_path):
    root, etc = made
    other = tmp_path / "other"
    shutil.copytree(root / "deploy", other / "deploy")
    make_server(other, tmp_path / "etc2", USERS)
    files = {path.name: path for path in (*etc.iterdir(), root / "var" / "airflow" / "passwords.json")}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    environment, others = read_environment(etc / "airflow.env"), read_environment(tmp_path / "etc2" / "airflow.env")
    assert environment["MEDHASH_ROOT"] == str(root)
    for name in (
        "MEDHASH_PSEUDONYM_KEY",
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW__API__SECRET_KEY",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    ):
        assert environment[name] != others[name]
    assert len(environment["AIRFLOW__API_AUTH__JWT_SECRET"]) == 128
    passwords = json.loads(files["passwords.json"].read_text())
    assert passwords.keys() == {"anna", "ben", "notes"}
    assert len(set(passwords.values())) == 3
    assert f"notes:{passwords['notes']}@" in environment["AIRFLOW_CONN_MEDHASH_AIRFLOW_API"]
    script = files["databases.sql"].read_text()
    for name, variable in (
        ("airflow.env", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"),
        ("mlflow.env", "MLFLOW_BACKEND_STORE_URI"),
    ):
        password = re.search(r":([0-9a-f]{64})@", read_environment(etc / name)[variable])
        assert password is not None
        assert f"PASSWORD '{password[1]}'" in script


def test_what_was_made_is_never_overwritten(made):
    root, etc = made
    before = (etc / "airflow.env").read_text()
    with pytest.raises(MedhashError, match=r"airflow\.env exists"):
        make_server(root, etc, USERS)
    assert (etc / "airflow.env").read_text() == before
    with pytest.raises(MedhashError, match="'anna' is not NAME:ROLE"):
        make_server(root, etc / "new", ["anna"])


@pytest.mark.parametrize(
    ("file", "pattern", "replacement", "says"),
    [
        ("airflow.env", r"JWT_SECRET=.*", "JWT_SECRET=short", "JWT_SECRET has 5 characters"),
        ("airflow.env", r"JWT_SECRET=.*", "JWT_SECRET=", "JWT_SECRET missing or empty"),
        ("airflow.env", r"PSEUDONYM_KEY=.*", "PSEUDONYM_KEY=@hex:key@", "PSEUDONYM_KEY is not filled in"),
        ("airflow.env", r"ALL_ADMINS=False", "ALL_ADMINS=True", "lets everybody in"),
        ("airflow.env", r"API__HOST=.*", "API__HOST=0.0.0.0", "without TLS"),
        ("airflow.env", r"API__HOST=.*", 'API__HOST="127.0.0.1"', "is not NAME=value"),
        ("airflow.env", r"AIRFLOW__API__HOST=.*", "export AIRFLOW__API__HOST=127.0.0.1", "is not NAME=value"),
        ("airflow.env", r"API__PORT=8080", "API__PORT=8080\nAIRFLOW__API__PORT=8081", "API__PORT is set twice"),
        ("airflow.env", rf"{re.escape(DATABASE)}.*", f"{DATABASE}airflow:airflow@127.0.0.1:5432/airflow", "shorter"),
        ("airflow.env", rf"{re.escape(DATABASE)}", DATABASE.replace("+psycopg2", ""), "is not postgresql.psycopg2"),
        ("airflow.env", r"USERS=.*", "USERS=anna:ADMIN,carl:OP", "the password of carl is missing"),
        ("mlflow.env", r"MLFLOW_HOST=.*", "MLFLOW_HOST=0.0.0.0", "without login"),
        ("mlflow.env", r"MLFLOW_PORT=.*", "", "MLFLOW_PORT missing"),
    ],
)
def test_a_file_that_would_start_something_broken_or_open_is_refused_by_name_and_without_its_secrets(
    made, file, pattern, replacement, says
):
    path = made[1] / file
    text, n = re.subn(pattern, replacement, path.read_text())
    assert n
    path.write_text(text)
    with pytest.raises(MedhashError, match=says) as raised:
        read_environment(path)
    assert not re.search(r"[0-9a-f]{32}", str(raised.value).replace(str(path.parent), ""))


def test_a_file_that_others_may_read_is_refused(made):
    (made[1] / "airflow.env").chmod(0o640)
    with pytest.raises(MedhashError, match="chmod 600"):
        read_environment(made[1] / "airflow.env")


def units() -> dict[str, configparser.ConfigParser]:
    found = {}
    for path in sorted(UNITS.glob("*.service")):
        found[path.name] = configparser.ConfigParser(strict=False, interpolation=None)
        found[path.name].optionxform = str  # type: ignore[assignment, method-assign]
        found[path.name].read(path)
    return found


def test_the_units_check_their_environment_restart_on_failure_and_give_no_more_rights_than_needed():
    assert set(units()) == {
        f"medhash-{name}.service"
        for name in ("airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-api-server", "mlflow")
    }
    for unit in units().values():
        service = unit["Service"]
        file = service["EnvironmentFile"]
        assert service["ExecStartPre"].endswith(f"-m medhash.platform.services.server_environment {file}")
        assert (service["User"], service["Restart"], service["NoNewPrivileges"]) == ("medhash", "on-failure", "true")
        assert service["ProtectSystem"] == "strict"
        assert "Environment" not in service, "an environment in a unit is readable by everybody"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here: apt-get install systemd")
def test_systemd_takes_the_units(tmp_path):
    for path in UNITS.iterdir():
        text = path.read_text().replace("/srv/medhash/.venv/bin/python", sys.executable)
        (tmp_path / path.name).write_text(text.replace("User=medhash\nGroup=medhash\n", ""))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *sorted(map(str, tmp_path.iterdir()))],
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
