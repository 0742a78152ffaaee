"""The server profile's databases in a real PostgreSQL: a role each, and a registry that outlives a restore."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkout import REPOSITORY
from postgres import Postgres, running_postgres

from medhash.platform.services.make_server import make_server
from medhash.platform.services.ports import HOST
from medhash.platform.services.server_environment import read_environment


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[Postgres, Path]]:
    """A running PostgreSQL with both databases, and the folder of the environment files."""
    root = tmp_path_factory.mktemp("server") / "medhash"
    shutil.copytree(REPOSITORY / "deploy" / "server", root / "deploy" / "server")
    make_server(root, root.parent / "etc", ["admin:ADMIN"])
    with running_postgres() as postgres:
        postgres.run((root.parent / "etc" / "databases.sql").read_text())
        yield postgres, root.parent / "etc"


def password_of(etc: Path, name: str, variable: str) -> str:
    return read_environment(etc / f"{name}.env")[variable].split(":")[2].split("@")[0]


def test_neither_role_may_enter_the_others_database(server):
    import psycopg2

    postgres, etc = server
    for role, other, variable in (
        ("airflow", "mlflow", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"),
        ("mlflow", "airflow", "MLFLOW_BACKEND_STORE_URI"),
    ):
        password = password_of(etc, role, variable)
        psycopg2.connect(postgres.address(role, role, password)).close()
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            psycopg2.connect(postgres.address(other, role, password))


def test_a_dump_of_mlflows_database_restores_to_the_same_champion(server, tmp_path):
    from mlflow import MlflowClient

    postgres, etc = server
    store = read_environment(etc / "mlflow.env")["MLFLOW_BACKEND_STORE_URI"]
    store = store.replace(f"{HOST}:5432", f"{HOST}:{postgres.port}")
    client = MlflowClient(store, store)
    client.create_registered_model("medhash-nih")
    client.create_model_version("medhash-nih", source=str(tmp_path))
    client.set_registered_model_alias("medhash-nih", "champion", "1")
    dump = tmp_path / "mlflow.dump"
    postgres.run("create database restored owner mlflow")
    for command in (
        ["pg_dump", "--format=custom", f"--file={dump}", postgres.address("mlflow")],
        ["pg_restore", "--clean", "--if-exists", f"--dbname={postgres.address('restored')}", str(dump)],
    ):
        subprocess.run([postgres.programs / command[0], *command[1:]], check=True)
    query = "select name, alias, version from registered_model_aliases"
    assert postgres.ask("restored", query) == [("medhash-nih", "champion", 1)]
