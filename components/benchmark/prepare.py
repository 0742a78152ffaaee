"""The tables of a benchmark's data set: ingest, split, labels, similarity and features, one after the other.

Run by DVC in data/benchmark/NAME; `medhash benchmark` writes that stage.
"""

import argparse
from pathlib import Path

from components.command import reports_errors


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m components.benchmark.prepare", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the checkout")
    parser.add_argument("--dataset", required=True, help="its folder's name in data/benchmark")
    args = parser.parse_args(argv)

    from components.benchmark.pipeline import prepare_record, require_current
    from components.benchmark.sets import set_workspace
    from components.features.compute import compute_features, cores
    from components.ingest.pseudonyms import pseudonym_key
    from components.ingest.run import ingest
    from components.labels.__main__ import main as make_labels
    from components.params import load_params
    from components.similarity.__main__ import main as compare_labels
    from components.split.__main__ import main as make_folds

    root = args.root.resolve()
    workspace = set_workspace(root, args.dataset)
    params = load_params(workspace.params_file)
    require_current(workspace.root / "prepare.json", prepare_record(params))
    archive = root / params.ingest.archive
    settings = params.ingest.model_copy(update={"archive": str(archive)})
    print(ingest(workspace, settings, params.size_px, pseudonym_key(archive, root)), flush=True)
    for stage in (make_folds, make_labels, compare_labels):
        code = stage(["--root", str(workspace.root)])
        if code != 0:
            return code
    for kind in params.features:
        n_images = compute_features(workspace.pixels, workspace.features(kind), kind, cores())
        print(f"features: {kind} of {n_images} images", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
