"""The demo on another archive: a clone of this checkout with that archive's settings, in var/demo/NAME.

The checkout keeps its tables, models and champion. A second demo of the same archive continues in the same clone.
"""

import shutil
from pathlib import Path

import yaml

from medhash.core.data_sets import find_set, resolve_set
from medhash.core.errors import MedhashError
from medhash.core.files import replacing_file
from medhash.core.git import GitFailed, git

_AUTHOR = ("-c", "user.name=medhash demo", "-c", "user.email=demo@localhost")
_MARK = ".git/medhash-demo"
VAL_SHARE = 0.2
"""Share of the patients outside test, if a data set has no validation patients: promotion needs some."""


def demo_checkout(root: Path, asked: str) -> Path:
    """The clone for a data set, given by its name in data/sets/, a YAML file, or the folder of its archive.

    The clone's code is that of the last commit here. A data set without validation patients gets some. Raises
    MedhashError if the data set or its archive is missing, its settings are wrong, or the folder holds other files.
    """
    name, path = find_set(root, _set_of_folder(root, asked) or asked)
    settings = resolve_set(root, path, None)
    if not settings["split"]["val_share"]:
        settings["split"]["val_share"] = VAL_SHARE
        print(
            f"split.val_share is {VAL_SHARE} here: {path.name} keeps no patient for validation, and promotion "
            "chooses its challenger by them"
        )
    clone = root / "var" / "demo" / name
    try:
        if not _in_git(root, settings["ingest"]["archive"]):
            settings["ingest"]["archive"] = str((root / settings["ingest"]["archive"]).resolve())
        _bring_to_head(root, clone)
        with replacing_file(clone / "params.yaml") as temporary:
            temporary.write_text(
                f"# Written by `medhash demo` from params.yaml and {path.name}.\n"
                + yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
            )
        if git(clone, "status", "--porcelain", "params.yaml"):
            git(clone, *_AUTHOR, "commit", "--quiet", "--message", f"Settings of {name}", "params.yaml")
    except GitFailed as error:
        raise MedhashError(
            f"git could not clone this checkout to {clone}: {error}",
            f"check that {root} is a git checkout with a commit and that the disk has room; to start the demo "
            f"from scratch, remove {clone}",
        ) from error
    return clone


def _set_of_folder(root: Path, asked: str) -> str | None:
    """The shipped data set whose archive is that folder; None if `asked` is no folder."""
    folder = root / asked
    if asked.endswith((".yaml", ".yml")) or "/" not in asked or not folder.is_dir():
        return None
    for path in sorted((root / "data" / "sets").glob("*.yaml")):
        archive = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("ingest", {}).get("archive")
        if archive and (root / archive).resolve() == folder.resolve():
            return path.stem
    raise MedhashError(
        f"no data set of data/sets/ has the archive {asked}",
        "write a YAML file with its ingest.source and ingest.archive, laid over params.yaml "
        "(docs/bags.md shows one), and give that file's path",
    )


def _in_git(root: Path, archive: str) -> bool:
    """Whether the archive comes along with a clone."""
    return not Path(archive).is_absolute() and bool(git(root, "ls-files", "--", archive))


def _bring_to_head(root: Path, clone: Path) -> None:
    if clone.exists() and not (clone / _MARK).exists():
        if (clone / ".git").exists() or any(clone.iterdir()):
            raise MedhashError(f"{clone} holds files that are not a demo's", "move them away, or remove the folder")
        shutil.rmtree(clone)
    if not clone.exists():
        clone.parent.mkdir(parents=True, exist_ok=True)
        part = clone.with_name(f".{clone.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        git(root, "clone", "--quiet", "--no-hardlinks", str(root.resolve()), str(part.resolve()))
        (part / _MARK).touch()
        part.rename(clone)
    else:
        git(clone, "fetch", "--quiet", "origin", "HEAD")
        git(clone, "reset", "--hard", "--quiet", "FETCH_HEAD")
