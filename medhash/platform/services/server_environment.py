"""Strict check of the server profile's environment files: a missing, weak or public setting stops the start.

    python -m medhash.platform.services.server_environment /etc/medhash/airflow.env

Every systemd unit runs this before its service. Messages name the variable, never its value.
"""

import argparse
import json
import re
import stat
from pathlib import Path

from medhash.core.command import reports_errors
from medhash.core.errors import MedhashError

_LINE = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")
_MIN_SECRET = 32
_MIN_JWT = 64
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_AIRFLOW_SECRETS = {
    "MEDHASH_PSEUDONYM_KEY": _MIN_SECRET,
    "AIRFLOW__CORE__FERNET_KEY": 44,
    "AIRFLOW__API_AUTH__JWT_SECRET": _MIN_JWT,
    "AIRFLOW__API__SECRET_KEY": _MIN_SECRET,
}
_AIRFLOW = (
    "MEDHASH_ROOT",
    "MLFLOW_TRACKING_URI",
    "AIRFLOW_HOME",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__CORE__EXECUTOR",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    "AIRFLOW__API__HOST",
    "AIRFLOW__API__PORT",
    "AIRFLOW__API__BASE_URL",
)
_MLFLOW = ("MLFLOW_BACKEND_STORE_URI", "MLFLOW_ARTIFACTS_DESTINATION", "MLFLOW_HOST", "MLFLOW_PORT")


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    read_environment(parser.parse_args(argv).file)
    return 0


def read_environment(path: Path) -> dict[str, str]:
    """The variables of airflow.env or mlflow.env.

    Raises MedhashError naming the variable or the line. A variable may be missing, duplicate, not filled in, too weak,
    or open the service to other machines. A file may be readable by others.
    """
    values = _read_lines(path)
    if "AIRFLOW_HOME" in values:
        _check_airflow(path, values)
    else:
        _check_mlflow(path, values)
    return values


def _read_lines(path: Path) -> dict[str, str]:
    if not path.exists():
        raise MedhashError(f"{path} does not exist", "python -m medhash.platform.services.make_server makes it")
    _require_private(path)
    values: dict[str, str] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or re.search(r"[\s\"'\\]", match[2]):
            raise MedhashError(
                f"{path}: line {number} is not NAME=value", "write it without spaces, quotes, backslashes and `export`"
            )
        if match[1] in values:
            raise MedhashError(f"{path}: {match[1]} is set twice", "remove one of the lines")
        if re.search(r"@[a-z_:]+@", match[2]) or "<" in match[2]:
            raise MedhashError(
                f"{path}: {match[1]} is not filled in", "python -m medhash.platform.services.make_server does"
            )
        values[match[1]] = match[2]
    return values


def _require_private(path: Path) -> None:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise MedhashError(
            f"{path} holds secrets, and others than its owner may read or write it",
            f"chmod 600 {path}; if others could read it, have new secrets made",
        )


def _check_airflow(path: Path, values: dict[str, str]) -> None:
    _require(path, values, (*_AIRFLOW, *_AIRFLOW_SECRETS))
    for name, length in _AIRFLOW_SECRETS.items():
        if len(values[name]) < length:
            raise MedhashError(
                f"{path}: {name} has {len(values[name])} characters, fewer than {length}",
                "python3 -c 'import secrets; print(secrets.token_hex(64))' makes a good one",
            )
    _check_database(path, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", values)
    if values.get("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "False").lower() != "false":
        raise MedhashError(
            f"{path}: AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS lets everybody in as administrator",
            "set it to False",
        )
    encrypted = bool(values.get("AIRFLOW__API__SSL_CERT")) and bool(values.get("AIRFLOW__API__SSL_KEY"))
    if values["AIRFLOW__API__HOST"] not in _THIS_MACHINE and not encrypted:
        raise MedhashError(
            f"{path}: AIRFLOW__API__HOST opens the pages to other machines without TLS",
            "set AIRFLOW__API__SSL_CERT and AIRFLOW__API__SSL_KEY, or 127.0.0.1 behind a proxy with TLS",
        )
    if (
        not re.search(rf":{re.escape(values['AIRFLOW__API__PORT'])}(/|$)", values["AIRFLOW__API__BASE_URL"])
        and "AIRFLOW__CORE__EXECUTION_API_SERVER_URL" not in values
    ):
        raise MedhashError(
            f"{path}: AIRFLOW__API__BASE_URL has another port than AIRFLOW__API__PORT: tasks would fail",
            "make them agree, or say by AIRFLOW__CORE__EXECUTION_API_SERVER_URL where tasks report",
        )
    _check_users(path, values)


def _check_users(path: Path, values: dict[str, str]) -> None:
    """Airflow prints the password of a user that has none into its log."""
    file = Path(values["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    if not file.exists():
        raise MedhashError(
            f"{file} does not exist: Airflow would print passwords into its log",
            "python -m medhash.platform.services.make_server makes it",
        )
    _require_private(file)
    try:
        passwords = json.loads(file.read_text())
    except ValueError as error:
        raise MedhashError(f"{file} is not JSON", "write one object: user → password") from error
    for user in values["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"].split(","):
        name = user.split(":")[0]
        if len(passwords.get(name, "")) < 16 or passwords[name] == name:
            raise MedhashError(
                f"{file}: the password of {name} is missing or shorter than 16 characters",
                "python3 -c 'import secrets; print(secrets.token_urlsafe(18))' makes a good one",
            )


def _check_mlflow(path: Path, values: dict[str, str]) -> None:
    _require(path, values, _MLFLOW)
    _check_database(path, "MLFLOW_BACKEND_STORE_URI", values)
    if values["MLFLOW_HOST"] not in _THIS_MACHINE:
        raise MedhashError(
            f"{path}: MLFLOW_HOST opens a server without login to other machines",
            "set it to 127.0.0.1, and let a proxy with TLS and login stand before it",
        )


def _require(path: Path, values: dict[str, str], names: tuple[str, ...]) -> None:
    missing = [name for name in names if not values.get(name)]
    if missing:
        raise MedhashError(
            f"{path}: {', '.join(missing)} missing or empty", f"deploy/server/{path.name}.template has every variable"
        )


def _check_database(path: Path, name: str, values: dict[str, str]) -> None:
    match = re.fullmatch(r"postgresql\+psycopg2://([^:/@]+):([^:/@]+)@[^/@]+/[^/]+", values[name])
    if match is None:
        raise MedhashError(
            f"{path}: {name} is not postgresql+psycopg2://ROLE:PASSWORD@HOST:PORT/DATABASE",
            "name the driver as here; percent-encode special characters of the password",
        )
    if len(match[2]) < _MIN_SECRET // 2 or match[2] == match[1]:
        raise MedhashError(
            f"{path}: {name} has a password shorter than {_MIN_SECRET // 2} characters",
            "give the role another one: ALTER ROLE … PASSWORD …",
        )


if __name__ == "__main__":
    raise SystemExit(main())
