"""The DVC stages of one data set's benchmark: written so that a row is stale exactly where its own result would change.

    data/benchmark/.dvc/              a repository of its own; it uses the checkout's cache
    data/benchmark/NAME/params.yaml   the settings, resolved
                       /prepare.json  what the tables depend on: their settings and a digest of the code
                       /dvc.yaml      the stage prepare: archive → data/derived
                       /rows/METHOD/method.json    what the method's rows depend on
                                   /dvc.yaml       the stage row, a matrix over bits and seeds
                                   /BITS-SEED/     what a row measured
All but the results are for git: with dvc.lock they are the record of a run. One file of stages per method keeps each
lock file short, which is what DVC's time per row depends on.
"""

import json
import os
from pathlib import Path
from typing import Any

import yaml

from medhash.benchmark.code import row_digest, tables_digest
from medhash.core.data_sets import SetWorkspace
from medhash.core.errors import MedhashError
from medhash.core.files import replacing_file, write_json
from medhash.core.params import Params, load_params
from medhash.hashing.catalogue import Unbinarised, find_method, with_overrides
from medhash.hashing.method_code import row_settings
from medhash.hashing.method_types import StructuredMethod

PREPARED = ("seed", "size_px", "features", "ingest", "split", "labels")
"""Sections of params.yaml that decide the tables."""
TRAINED = ("epochs", "patience", "precision", "device", "threads", "augment", "histogram_matching")
"""Keys of `train` that every method hears."""
_IGNORED = "# What DVC does not look at when it hashes a folder.\n__pycache__\n*.pyc\n.*.tmp\n.*.old\n"


def write_repository(workspace: SetWorkspace) -> None:
    """Make data/benchmark a DVC repository of its own, which the checkout's leaves alone; what is there stays."""
    home = workspace.repository / ".dvc"
    for path, text in (
        (
            home / "config",
            "[core]\n    analytics = false\n    autostage = false\n[cache]\n    dir = ../../../.dvc/cache\n",
        ),
        (home / ".gitignore", "/config.local\n/tmp\n/cache\n"),
        (workspace.repository / ".dvcignore", _IGNORED),
    ):
        if not path.exists():
            _write(path, text)


def write_params(workspace: SetWorkspace, resolved: dict[str, Any]) -> Params:
    """Write the resolved settings of the data set and return them as they will be read."""
    _write(
        workspace.params_file,
        "# Written by `medhash benchmark` from params.yaml and the data set's file.\n"
        + yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True),
    )
    return load_params(workspace.params_file)


def write_prepare(workspace: SetWorkspace, params: Params) -> None:
    """Write prepare.json and dvc.yaml."""
    write_json(workspace.root / "prepare.json", prepare_record(params))
    root, folder = _relative(workspace.checkout, workspace.root), workspace.root
    _write_stage(
        folder,
        "prepare",
        {
            "cmd": f"python -m medhash.benchmark.prepare --root {root} --dataset {workspace.name}",
            "deps": [
                _relative(workspace.checkout / params.ingest.archive, folder),
                "prepare.json",
                _relative(workspace.forgotten, folder),
            ],
            "outs": ["data/derived"],
        },
    )


def write_rows(workspace: SetWorkspace, params: Params, method: str, bits: list[int], seeds: list[int]) -> None:
    """Write method.json and dvc.yaml of one method, with the bits and seeds given beside those already in it."""
    folder = workspace.rows(method)
    write_json(folder / "method.json", row_record(params, method))
    known = _read_matrix(folder / "dvc.yaml")
    deps = ["../../data/derived", "method.json"]
    found = find_method(method)
    if isinstance(found, Unbinarised):
        deps.append(f"../{found.of}/${{item.bits}}-${{item.seed}}")
    if method in params.train.initial_weights:
        deps.append(_relative(workspace.checkout / params.train.initial_weights[method], folder))
    _write_stage(
        folder,
        "row",
        {
            "matrix": {"bits": sorted({*known["bits"], *bits}), "seed": sorted({*known["seed"], *seeds})},
            "cmd": f"python -m medhash.benchmark.row --root {_relative(workspace.checkout, folder)} --dataset "
            f"{workspace.name} --method {method} --bits ${{item.bits}} --seed ${{item.seed}}",
            "deps": deps,
            "outs": ["${item.bits}-${item.seed}"],
        },
    )


def prepare_record(params: Params) -> dict[str, Any]:
    """What the tables depend on beside the archive."""
    settings = {key: params.model_dump(mode="json")[key] for key in PREPARED}
    settings["ingest"] = {key: value for key, value in settings["ingest"].items() if key not in ("archive", "workers")}
    return {"code": tables_digest(params), "settings": settings}


def row_record(params: Params, method: str) -> dict[str, Any]:
    """What a method's rows depend on beside tables, bits, seed and initial weights."""
    settings = {
        "seed": params.seed,
        "size_px": params.size_px,
        "evaluate": params.evaluate.model_dump(mode="json"),
        "train": {key: getattr(params.train, key) for key in TRAINED},
    }
    if isinstance(find_method(method), StructuredMethod):
        settings["sub_codes"] = params.sub_codes
    changed = with_overrides(find_method(method), params.train.overrides.get(method, {}))
    return {
        "code": row_digest(changed),
        "method": row_settings(changed),
        "settings": settings,
        "keeps_relaxed": keeps_relaxed(method),
    }


def keeps_relaxed(method: str) -> bool:
    """Whether another row of the catalogue measures this method's relaxed codes."""
    from medhash.hashing.catalogue import CATALOGUE

    return any(isinstance(other, Unbinarised) and other.of == method for other in CATALOGUE.values())


def require_current(path: Path, record: dict[str, Any]) -> None:
    """Raise MedhashError if the settings or the code are not those that a stage's record says."""
    if not path.exists() or json.loads(path.read_text()) != record:
        raise MedhashError(
            f"{path} is not what the settings and the code are now",
            "run `medhash benchmark`, which writes it anew, rather than DVC by hand",
        )


def _read_matrix(path: Path) -> dict[str, list[int]]:
    if not path.exists():
        return {"bits": [], "seed": []}
    matrix: dict[str, list[int]] = yaml.safe_load(path.read_text())["stages"]["row"]["matrix"]
    return matrix


def _write_stage(folder: Path, name: str, body: dict[str, Any]) -> None:
    _write(
        folder / "dvc.yaml",
        "# Written by `medhash benchmark`; by hand: `dvc repro` in this folder.\n"
        + yaml.safe_dump({"stages": {name: body}}, sort_keys=False, width=1000),
    )


def _write(path: Path, text: str) -> None:
    """Write, unless the file says just that already: DVC looks at times first."""
    if not path.exists() or path.read_text() != text:
        with replacing_file(path) as temporary:
            temporary.write_text(text)


def _relative(path: Path, folder: Path) -> str:
    """A path as a stage in `folder` names it; what was given as an absolute path stays one."""
    if path.is_absolute() and not folder.is_absolute():
        return str(path)
    return Path(os.path.relpath(path, folder)).as_posix()
