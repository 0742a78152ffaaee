"""Make the server profile's files: environments with new secrets, the roles' SQL, the passwords of Airflow's users.

The operating system's generator draws every secret; there is no default. Only the owner can read the files. They are
never overwritten: to draw new secrets, move the old files away.
"""

import argparse
import base64
import json
import os
import re
import secrets
import sys
from pathlib import Path

from medhash.core.command import reports_errors
from medhash.core.errors import MedhashError

TEMPLATES = {
    "airflow.env": "airflow.env.template",
    "mlflow.env": "mlflow.env.template",
    "databases.sql": "databases.sql.template",
}
USERS = ("admin:ADMIN", "operator:OP", "viewer:VIEWER")
NOTES = "notes"
"""The user that writes the notes of runs; its password is in airflow.env too."""
_SECRET_BYTES = 32
_PLACE = re.compile(r"@([a-z]+)(?::([a-z_]+))?@")


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("."), help="the checkout that the server will run")
    parser.add_argument("--to", type=Path, required=True, help="folder for the files, such as /etc/medhash")
    parser.add_argument(
        "--users",
        nargs="+",
        default=list(USERS),
        metavar="NAME:ROLE",
        help="who may log in to Airflow; roles: VIEWER, USER, OP, ADMIN",
    )
    args = parser.parse_args(argv)
    for path in make_server(args.root.resolve(), args.to.resolve(), args.users):
        print(path)
    return 0


def make_server(root: Path, target: Path, users: list[str]) -> list[Path]:
    """Write the three files into `target`, and the passwords beside Airflow's home; their paths.

    Raises MedhashError if one of them exists or a user is not NAME:ROLE.
    """
    for user in users:
        if user.startswith(f"{NOTES}:"):
            raise MedhashError(f"{NOTES} is a reserved user: runs write their notes as it", "choose another name")
        if not re.fullmatch(r"[A-Za-z0-9._-]+:(VIEWER|USER|OP|ADMIN)", user):
            raise MedhashError(f"{user!r} is not NAME:ROLE", "write NAME:ROLE, with a role of VIEWER, USER, OP, ADMIN")
    passwords = root / "var" / "airflow" / "passwords.json"
    paths = [*(target / name for name in TEMPLATES), passwords]
    for path in paths:
        if path.exists():
            raise MedhashError(f"{path} exists, and its secrets may be in use", "move it away to make new ones")
    drawn: dict[str, str] = {}

    def fill(match: re.Match[str]) -> str:
        kind, name = match[1], match[2]
        if kind == "hex":
            return drawn.setdefault(name, secrets.token_hex(64 if name == "jwt_secret" else _SECRET_BYTES))
        return {
            "root": str(root),
            "bin": str(Path(sys.executable).parent),
            "users": ",".join([*users, f"{NOTES}:USER"]),
            "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        }[kind]

    for name, template in TEMPLATES.items():
        _write(target / name, _PLACE.sub(fill, (root / "deploy" / "server" / template).read_text()))
    chosen = {user.split(":")[0]: secrets.token_urlsafe(18) for user in users}
    _write(passwords, json.dumps({**chosen, NOTES: drawn["notes"]}) + "\n")
    return paths


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)


if __name__ == "__main__":
    raise SystemExit(main())
