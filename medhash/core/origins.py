"""Where a result comes from: the commit of the checkout and its lock file."""

import subprocess
from pathlib import Path

from medhash.core.files import sha256_file


def origins(root: Path) -> dict[str, str]:
    """git_commit (40 hex digits, `+changes` where tracked files differ from it) and dvc_lock (SHA-256).

    Each is `none` where there is no commit, no git, or no lock file.
    """
    commit = _git(root, "rev-parse", "HEAD")
    changed = "+changes" if commit and _git(root, "status", "--porcelain", "--untracked-files=no") else ""
    lock = root / "dvc.lock"
    return {"git_commit": (commit or "none") + changed, "dvc_lock": sha256_file(lock) if lock.exists() else "none"}


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
