"""A real PostgreSQL for tests: a cluster of its own in a temporary folder, on a free port of this machine."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medhash.platform.services.ports import HOST, free_ports

ACCOUNTS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root; one of these does it then."""
INSTALL = "no PostgreSQL server is installed: apt-get install postgresql (dnf install postgresql-server) brings one"


@dataclass(frozen=True)
class Postgres:
    """A running server; its superuser is `postgres`."""

    port: int
    password: str
    programs: Path
    """Folder of psql, pg_dump, pg_restore."""

    def address(self, database: str = "postgres", role: str = "postgres", password: str | None = None) -> str:
        """What libpq's programs and psycopg2 connect to."""
        return f"postgresql://{role}:{password or self.password}@{HOST}:{self.port}/{database}"

    def run(self, script: str) -> None:
        """A psql script, as the superuser; the first error ends it."""
        done = subprocess.run(
            [self.programs / "psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", self.address()],
            input=script,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def ask(self, database: str, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        import psycopg2

        with closing(psycopg2.connect(self.address(database))) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Inside it a server runs, after it nothing of it is left. Skips only where no PostgreSQL is installed."""
    programs = installed_programs()
    if programs is None:
        pytest.skip(INSTALL)
    password, [port] = secrets.token_hex(16), free_ports(1)
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # pytest's own folders are closed to other accounts
    try:
        account = _hand_over(folder)
        (folder / "password").write_text(password)
        _run(
            [
                programs / "initdb",
                "--pgdata",
                folder / "data",
                "--username",
                "postgres",
                "--encoding",
                "UTF8",
                "--auth",
                "scram-sha-256",
                "--pwfile",
                folder / "password",
                "--no-sync",
            ],
            account,
        )
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen(
                [
                    programs / "postgres",
                    "-D",
                    folder / "data",
                    "-p",
                    str(port),
                    "-c",
                    f"listen_addresses={HOST}",
                    "-c",
                    f"unix_socket_directories={folder}",
                    "-c",
                    "fsync=off",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
                **account,
            ) as server,
        ):
            try:
                made = Postgres(port, password, programs)
                _wait_for(made, server, folder / "log")
                yield made
            finally:
                server.send_signal(signal.SIGINT)  # a fast shutdown: it waits for no client
    finally:
        shutil.rmtree(folder)


def installed_programs() -> Path | None:
    """The folder of initdb and postgres: on PATH, or the newest where Debian and Red Hat put them."""
    found = [Path(path).resolve().parent for path in [shutil.which("postgres")] if path]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    for folder in (*found, *debian, *sorted(Path("/usr").glob("pgsql-*/bin"), reverse=True)):
        if all((folder / name).exists() for name in ("initdb", "postgres", "psql", "pg_dump")):
            return folder
    return None


def _hand_over(folder: Path) -> dict[str, Any]:
    """Arguments of subprocess that run a program as the folder's new owner; none needed unless we are root."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    account = next(known[name] for name in ACCOUNTS if name in known)
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _run(command: list[Any], account: dict[str, Any]) -> None:
    done = subprocess.run(command, cwd="/", text=True, capture_output=True, check=False, **account)
    assert done.returncode == 0, done.stdout + done.stderr


def _wait_for(postgres: Postgres, server: "subprocess.Popen[bytes]", log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    ready = [postgres.programs / "pg_isready", "--quiet", "--host", HOST, "--port", str(postgres.port)]
    while subprocess.run(ready, check=False).returncode != 0:
        assert server.poll() is None, f"PostgreSQL ended: {log.read_text()}"
        assert time.monotonic() < deadline, f"PostgreSQL does not answer: {log.read_text()}"
        time.sleep(0.1)
