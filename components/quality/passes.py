"""Passes: the small files that say that an item passed its gate, on which the items that read it depend.

A pass says no more, so that the words of a report may change and nothing is made again. One of the gate of features is
for a method that reads features, and names their file and its digest: dvc.yaml cannot say which method reads which.
"""

import shutil
from typing import Any

from medhash.core.files import sha256_file, write_json
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.hashing.method_code import features_read_by

OF_METHODS = ("features", "train", "encode", "index", "evaluate")
"""The gates that pass each method by itself."""


def withdraw(workspace: Workspace, stage: str) -> None:
    """Take back the passes of a stage."""
    path = workspace.passed(stage)
    path.unlink(missing_ok=True)
    shutil.rmtree(path.with_suffix(""), ignore_errors=True)


def give(workspace: Workspace, stage: str, params: Params) -> None:
    """Write the passes of a stage: one, or one for each method."""
    if stage not in OF_METHODS:
        write_json(workspace.passed(stage), {"passed": stage})
        return
    for method in params.methods:
        item = f"{stage}@{method}"
        read = _features_of(workspace, method) if stage == "features" else {}
        write_json(workspace.passed(item), {"passed": item, **read})


def _features_of(workspace: Workspace, name: str) -> dict[str, Any]:
    """The files of features that a method reads, relative to the root, → their SHA-256; empty for pixels alone.

    Where there is no such file, training says so.
    """
    paths = [
        path for kind in features_read_by(name) for path in (workspace.features(kind), workspace.features_info(kind))
    ]
    return {
        "reads": {
            path.relative_to(workspace.root).as_posix(): sha256_file(path) if path.exists() else "none"
            for path in paths
        }
    }
