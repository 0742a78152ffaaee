"""The Celery profile's files: no password, what a GPU machine needs and nothing more, and units that systemd takes."""

import configparser
import re
import shutil
import subprocess

import pytest
from checkout import REPOSITORY

from medhash.platform.airflow.celery_tasks import FOLDER_VARIABLE, QUEUE, REMOTE_VARIABLE
from medhash.platform.airflow.placement import PLACE_VARIABLE
from medhash.platform.airflow.remote_tasks import REPOSITORY_VARIABLE

FOLDER = REPOSITORY / "deploy" / "celery"
SECRET = re.compile(r"PASSWORD|SECRET|BROKER_URL|RESULT_BACKEND|FERNET|TOKEN")


def variables(name: str) -> dict[str, str]:
    lines = [line for line in (FOLDER / name).read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("name", ["coordinator.env.template", "gpu-worker.env.template"])
def test_every_secret_is_left_to_be_filled_in_and_messages_go_by_tls(name):
    found = variables(name)
    for variable, value in found.items():
        if SECRET.search(variable):
            assert re.search(r"@[a-z_]+@", value), variable
    assert found["AIRFLOW__CELERY__BROKER_URL"].startswith("rediss://medhash:@broker_password@@")
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].startswith("https://")
    assert found[PLACE_VARIABLE] == "celery"


def test_a_gpu_machine_has_what_its_tasks_read_and_none_of_the_coordinators_secrets():
    found = variables("gpu-worker.env.template")
    assert {REPOSITORY_VARIABLE, FOLDER_VARIABLE, REMOTE_VARIABLE, "AIRFLOW__API__SECRET_KEY"} <= set(found)
    assert not set(found) & {
        "MEDHASH_PSEUDONYM_KEY",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__API_AUTH__JWT_SECRET",
    }
    shared = set(found) & set(variables("coordinator.env.template"))
    assert {name for name in shared if found[name] != variables("coordinator.env.template")[name]} == set()


def test_the_worker_takes_from_the_gpu_queue_only_and_may_write_where_it_works():
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(FOLDER / "systemd" / "medhash-gpu-worker.service")
    assert f"celery worker --queues {QUEUE} " in unit["Service"]["ExecStart"]
    assert variables("gpu-worker.env.template")[FOLDER_VARIABLE] in unit["Service"]["ReadWritePaths"].split()
    assert unit["Service"]["NoNewPrivileges"] == "true"
    assert unit["Service"]["User"] != "root"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path):
    text = (FOLDER / "systemd" / "medhash-gpu-worker.service").read_text()
    unit = tmp_path / "medhash-gpu-worker.service"
    unit.write_text(text.replace("/srv/medhash/.venv/bin/python", shutil.which("true") or "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], text=True, capture_output=True, check=False)
    assert unit.name not in done.stderr, done.stderr
