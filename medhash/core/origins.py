"""Where a result comes from: the commit of the checkout and its lock file."""

from pathlib import Path

from medhash.core.errors import MedhashError
from medhash.core.files import sha256_file
from medhash.core.git import GitFailed, git


def origins(root: Path) -> dict[str, str]:
    """git_commit (40 hex digits, `+changes` where tracked files differ from it) and dvc_lock (SHA-256).

    Each is `none` where there is no commit, no git, or no lock file.
    """
    try:
        commit = git(root, "rev-parse", "HEAD").strip()
        if git(root, "status", "--porcelain", "--untracked-files=no"):
            commit += "+changes"
    except (GitFailed, MedhashError):
        commit = "none"
    lock = root / "dvc.lock"
    return {"git_commit": commit, "dvc_lock": sha256_file(lock) if lock.exists() else "none"}
