"""Git without prompts and without variables of a surrounding hook; errors say what to do."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from medhash.core.errors import MedhashError

_PASSWORD = re.compile(r"//[^/@\s]*:[^/@\s]*@")


class GitFailed(Exception):
    """Git ended with an error; the text is its last line."""


def git(folder: Path, *arguments: str, more: Mapping[str, str] | None = None) -> str:
    """The output of `git ARGUMENTS` in a folder. Raises GitFailed, or MedhashError if git or the folder is missing."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY")
    }
    environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    environment.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env={**environment, **(more or {})},
            text=True,
            capture_output=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise MedhashError(
            "there is no git on this machine, or no folder to run it in", "install git, and see that the folder exists"
        ) from error
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("hint:")]
        raise GitFailed(_PASSWORD.sub("//", said[-1] if said else f"exit code {done.returncode}"))
    return done.stdout


def without_password(address: str, what: str) -> str:
    """The address, if it holds no password: process lists, logs and pod specs would show it.

    Raises MedhashError that does not repeat the address.
    """
    try:
        secret = urlsplit(address).password
    except ValueError:
        secret = ""
    if secret is not None or address.startswith("-"):
        raise MedhashError(
            f"the address of {what} holds a password or is invalid",
            "give the address without it; git takes passwords from a credential helper or SSH keys, "
            "DVC from .dvc/config.local or the environment",
        )
    return address
