"""The tables of a benchmark's data set: ingest, split, labels, similarity and features, one after the other.

Run by DVC in data/benchmark/NAME; `medhash benchmark` writes that stage.
"""

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medhash.core.command import reports_errors


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m medhash.benchmark.prepare", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the checkout")
    parser.add_argument("--dataset", required=True, help="its folder's name in data/benchmark")
    args = parser.parse_args(argv)

    from medhash.archives.pseudonyms import pseudonym_key
    from medhash.benchmark.pipeline import prepare_record, require_current
    from medhash.core.data_sets import set_workspace
    from medhash.core.params import load_params

    root = args.root.resolve()
    workspace = set_workspace(root, args.dataset)
    params = load_params(workspace.params_file)
    require_current(workspace.root / "prepare.json", prepare_record(params))
    archive = root / params.ingest.archive
    ingest = stage_function("components.ingest.ingest", "ingest")
    settings = params.ingest.model_copy(update={"archive": str(archive)})
    print(ingest(workspace, settings, params.size_px, pseudonym_key(archive, root)), flush=True)
    stages = [("split",), ("labels",), ("similarity",), *(("features", "--kind", kind) for kind in params.features)]
    for stage, *options in stages:
        run = stage_function(f"components.{stage}.__main__", "main")
        code = int(run(["--root", str(workspace.root), *options]))
        if code != 0:
            return code
    return 0


def stage_function(module: str, name: str) -> Callable[..., Any]:
    """A function of a stage: the library does not import the stages."""
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


if __name__ == "__main__":
    raise SystemExit(main())
