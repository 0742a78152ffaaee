"""Would a model trained on shuffled labels be promoted? Twenty seeds of a head on the demo's own data.

`python -m benchmarks.shuffled_labels` in a checkout after `make demo`. The label sets of the training cases are dealt
out at random among them; queries, gallery and their true labels stay. A seed is `promoted` if the clause `lift` of a
first champion would hold. The last row is the model with the true labels.
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from medhash.core.params import load_params
from medhash.core.workspace import Workspace
from medhash.hashing.model import load_model
from medhash.releases.promotion.clauses import lift as lift_clause
from medhash.retrieval.code_table import place_codes, read_codes
from medhash.retrieval.encode import encode_bags, write_codes
from medhash.retrieval.evaluation.galleries import precision_of
from medhash.retrieval.evaluation.tables import Tables
from medhash.retrieval.index import GALLERY_FOLDS
from medhash.retrieval.measures.lift import Lift, lift
from medhash.training import train
from medhash.training.data import DataSet, read_data


def shuffled(data: DataSet, seed: int) -> DataSet:
    """The same data with the train fold's label sets in random order."""
    fold = data.folds["train"]
    order = np.random.default_rng(seed).permutation(len(fold))
    dealt = dataclasses.replace(fold, labels=fold.labels[order], sets=fold.sets[order])
    return dataclasses.replace(data, folds=data.folds | {"train": dealt}, digest=f"shuffled {seed}")


def lift_of(workspace: Workspace, method: str, seed: int, shuffle: bool) -> Lift:
    params, tables = load_params(workspace.root / "params.yaml"), Tables.read(workspace)
    original = train.read_data
    train.read_data = lambda given: shuffled(read_data(given), seed) if shuffle else read_data(given)
    try:
        with tempfile.TemporaryDirectory() as folder:
            train.train_method(workspace, params, method, seed=seed, out=Path(folder) / "model")
            model = load_model(Path(folder) / "model")
            write_codes(Path(folder) / "codes.parquet", model, encode_bags(workspace, model))
            placed = place_codes(read_codes(Path(folder) / "codes.parquet"), tables.labels)
    finally:
        train.read_data = original
    found = precision_of(placed.of_folds("test"), placed.of_folds(*GALLERY_FOLDS), tables.level_matrix(), seed)
    return lift(found, params.promote.bootstrap_samples, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="drh-head", help="a method that trains on labels (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=20, help="number of shuffles (default: %(default)s)")
    arguments = parser.parse_args()
    workspace = Workspace(Path.cwd())
    min_lift = load_params(workspace.root / "params.yaml").promote.min_lift
    n_promoted = 0
    for seed in range(arguments.seeds):
        found = lift_of(workspace, arguments.method, seed, shuffle=True)
        held = lift_clause(found, found.permuted, min_lift).held
        n_promoted += held
        print(f"{seed:>4} {found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]{' promoted' * held}", flush=True)
    print(f"shuffled labels: {n_promoted} of {arguments.seeds} promoted, limit {min_lift:g}")
    found = lift_of(workspace, arguments.method, load_params(workspace.root / "params.yaml").seed, shuffle=False)
    print(f"true {found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]")


if __name__ == "__main__":
    main()
