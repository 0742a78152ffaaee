"""Retrieval of the test patients, methods × seeds, from the tables that the pipeline has derived.

    python -m benchmarks.sample_lift [--methods itq drh-18 drh-head] [--seeds 0 1 2] [--root .] [--json FILE]

Trains every method with every seed in a temporary folder, encodes all cases, and measures test cases against the
gallery (train and val folds). The tables come from the stages up to features; nothing under --root is written.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SHARED = ("images", "split", "labels", "similarity", "features")
"""Folders of data/derived that a training reads."""


def run_once(root: Path, params: Any, method: str, seed: int) -> dict[str, Any]:
    """Train, encode and measure one method with one seed."""
    from medhash.core.contracts import codes_schema, read_table
    from medhash.core.workspace import Workspace
    from medhash.hashing.model import load_model
    from medhash.retrieval.encode import encode_bags, write_codes
    from medhash.retrieval.evaluation.measure import measure
    from medhash.retrieval.evaluation.tables import Tables
    from medhash.training.train import train_method

    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        workspace.derived.mkdir(parents=True)
        for name in SHARED:
            (workspace.derived / name).symlink_to((Workspace(root).derived / name).resolve())
        started = time.perf_counter()
        history = train_method(workspace, params, method, seed=seed)
        seconds = time.perf_counter() - started
        assert history is not None
        model = load_model(workspace.model(method))
        write_codes(workspace.codes(method), model, encode_bags(workspace, model))
        metrics = measure(
            read_table(workspace.codes(method), codes_schema(params.bits)),
            Tables.read(workspace),
            params.evaluate,
            params.seed,
        ).metrics
    assert metrics.seen is not None
    assert metrics.unseen is not None
    found = {
        f"{name}_{key}": value
        for name, gallery in (("seen", metrics.seen), ("unseen", metrics.unseen))
        for key, value in (
            ("lift", gallery.lift.value),
            ("low", gallery.lift.low),
            ("high", gallery.lift.high),
            ("auc", gallery.knn_auc.value if gallery.knn_auc else float("nan")),
        )
    }
    return found | {
        "method": method,
        "seed": seed,
        "map": metrics.figures.map,
        "map_permuted": metrics.seen.map_permuted,
        "chance": metrics.chance.map,
        "precision_at_10": metrics.figures.precision_at_10,
        "validation_lift": metrics.validation_lift,
        "n_patients": metrics.seen.n_patients,
        "best_epoch": history["best_epoch"] + 1,
        "train_s": round(seconds, 1),
    }


def summarise(runs: list[dict[str, Any]]) -> str:
    """A Markdown table: a row per method, means over seeds; ± is the standard deviation over seeds."""
    lines = [
        "| method | lift | least interval of a seed | unseen lift | least interval | AUC | unseen AUC | "
        "MAP / exchanged | P@10 | training, s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for method in dict.fromkeys(run["method"] for run in runs):
        own = [run for run in runs if run["method"] == method]
        cells = [f"`{method}`"]
        for gallery in ("seen", "unseen"):
            least = min(own, key=lambda run: run[f"{gallery}_low"])
            low, high = least[f"{gallery}_low"], least[f"{gallery}_high"]
            cells += [_with_spread(own, f"{gallery}_lift", "+"), f"{low:+.3f} … {high:+.3f}"]
        cells += [_with_spread(own, "seen_auc"), _with_spread(own, "unseen_auc")]
        cells.append(f"{_mean(own, 'map'):.3f} / {_mean(own, 'map_permuted'):.3f}")
        cells += [_with_spread(own, "precision_at_10"), f"{_mean(own, 'train_s'):.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append(f"| chance | 0 | | 0 | | 0.5 | 0.5 | {runs[0]['chance']:.3f} | | |")
    return "\n".join([*lines, "", f"{runs[0]['n_patients']} test patients."])


def _mean(runs: list[dict[str, Any]], key: str) -> float:
    return float(np.mean([run[key] for run in runs]))


def _with_spread(runs: list[dict[str, Any]], key: str, sign: str = "") -> str:
    values = np.array([run[key] for run in runs])
    return f"{values.mean():{sign}.3f}" + (f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=["itq", "drh-18", "drh-18-paper", "drh-head", "osdh-head"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--root", type=Path, default=Path("."))
    parser.add_argument("--params", type=Path, default=None)
    parser.add_argument("--json", type=Path, default=None, help="append every run to this file, one JSON per line")
    args = parser.parse_args()

    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the train stage does, before torch is loaded
    from medhash.core.params import load_params

    params = load_params(args.params or args.root / "params.yaml")
    runs = []
    for seed in args.seeds:
        for method in args.methods:
            runs.append(run_once(args.root, params, method, seed))
            print(json.dumps(runs[-1]), flush=True)
            if args.json is not None:
                with args.json.open("a") as handle:
                    handle.write(json.dumps(runs[-1]) + "\n")
    print(summarise(runs))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
