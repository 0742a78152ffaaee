"""One row of a table with one seed: train, encode, measure.

Run by DVC in data/benchmark/NAME/rows/METHOD; `medhash benchmark` writes that stage. An interrupted training goes on
from its last epoch.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medhash.core.command import reports_errors
from medhash.core.data_sets import SetWorkspace

if TYPE_CHECKING:
    from medhash.core.params import Params
    from medhash.hashing.catalogue import Unbinarised
    from medhash.hashing.model import HashModel
    from medhash.retrieval.members import Members


@dataclass(frozen=True)
class RowWorkspace(SetWorkspace):
    """The data set's folders, with a state of the row's own, so that rows of one method train side by side."""

    row_name: str = ""

    @property
    def state(self) -> Path:
        return super().state / "rows" / self.row_name


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m medhash.benchmark.row", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the checkout")
    parser.add_argument("--dataset", required=True, help="its folder's name in data/benchmark")
    parser.add_argument("--method", required=True)
    parser.add_argument("--bits", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    args = parser.parse_args(argv)

    from medhash.core.params import Params, load_params

    # Of the process, before NumPy and torch are loaded: the same bytes whatever the number of cores, no spinning.
    root = args.root.resolve()
    os.chdir(root)  # train.initial_weights are relative to the checkout
    workspace = RowWorkspace(root / "data" / "benchmark" / args.dataset, root, f"{args.method}-{args.bits}-{args.seed}")
    params = load_params(workspace.params_file)
    os.environ |= {
        "OMP_NUM_THREADS": str(params.train.threads),
        "OPENBLAS_NUM_THREADS": str(params.train.threads),
        "OMP_WAIT_POLICY": "passive",
    }

    from medhash.benchmark.pipeline import require_current, row_record
    from medhash.hashing.catalogue import Unbinarised, find_method

    require_current(workspace.rows(args.method) / "method.json", row_record(params, args.method))
    params = Params.model_validate(params.model_dump() | {"bits": args.bits})
    method, target = find_method(args.method), workspace.row(args.method, args.bits, args.seed)
    if isinstance(method, Unbinarised):
        print(_measure_unbinarised(workspace, params, method, args.seed, target))
    else:
        print(_train_and_measure(workspace, params, args.method, args.seed, target))
    return 0


def _train_and_measure(workspace: RowWorkspace, params: "Params", method: str, seed: int, target: Path) -> str:
    import shutil

    import torch

    from medhash.benchmark import facts
    from medhash.benchmark.pipeline import keeps_relaxed
    from medhash.core.contracts import QUERIES, write_table
    from medhash.core.files import replacing_folder
    from medhash.hashing.model import WEIGHTS_FILE, load_model
    from medhash.retrieval.code_table import read_codes
    from medhash.retrieval.encode import encode_bags, write_codes
    from medhash.retrieval.evaluation.measure import measure
    from medhash.retrieval.evaluation.tables import Tables
    from medhash.training.train import train_method

    device = _device(params.train.device)
    with replacing_folder(target) as folder:
        model_folder = folder / facts.MODEL
        history = train_method(workspace, params, method, seed=seed, out=model_folder)
        assert history is not None  # one process
        torch.set_num_threads(params.train.threads)
        model = load_model(model_folder, device)
        encoded = encode_bags(workspace, model, confidence=bool(model.spec.attributes))
        write_codes(folder / facts.CODES, model, encoded)
        codes = read_codes(folder / facts.CODES)
        measured = measure(codes, Tables.read(workspace), params.evaluate, params.seed, params.train.threads)
        measured.metrics.write(folder / facts.METRICS)
        write_table(folder / facts.QUERIES, measured.queries, QUERIES)
        if keeps_relaxed(method):
            _write_relaxed(workspace, model, encoded.members, folder / facts.RELAXED)
        facts.Facts(
            method=method,
            bits=params.bits,
            seed=seed,
            device=device,
            model=model.spec,
            n_parameters=int(sum(tensor.size for tensor in model.tensors.values())),
            n_epochs=len(history["epochs"]),
            best_epoch=history["best_epoch"],
            kept=history["epochs"][history["best_epoch"]],
        ).write(folder / facts.FACTS)
        if (model_folder / WEIGHTS_FILE).stat().st_size > facts.LARGEST_MODEL_BYTES:
            shutil.rmtree(model_folder)
    shutil.rmtree(workspace.state, ignore_errors=True)
    return f"MAP {measured.metrics.figures.map:.3f}, chance {measured.metrics.chance.map:.3f}"


def _measure_unbinarised(
    workspace: RowWorkspace, params: "Params", method: "Unbinarised", seed: int, target: Path
) -> str:
    """Rank by the relaxed codes that the row of `method.of` left."""
    import numpy as np

    from medhash.benchmark import facts
    from medhash.core.contracts import QUERIES, write_table
    from medhash.core.files import replacing_folder
    from medhash.retrieval.code_table import read_codes
    from medhash.retrieval.evaluation.measure import measure_relaxed
    from medhash.retrieval.evaluation.tables import Tables

    source = workspace.row(method.of, params.bits, seed)
    codes = read_codes(source / facts.CODES)
    relaxed = np.load(source / facts.RELAXED, allow_pickle=False)
    measured = measure_relaxed(
        codes, relaxed, Tables.read(workspace), params.evaluate, params.seed, params.train.threads
    )
    with replacing_folder(target) as folder:
        measured.metrics.model_copy(update={"method": method.name}).write(folder / facts.METRICS)
        write_table(folder / facts.QUERIES, measured.queries, QUERIES)
        of = facts.Facts.read(source / facts.FACTS)
        of.model_copy(update={"method": method.name}).write(folder / facts.FACTS)
    return f"MAP {measured.metrics.figures.map:.3f}, chance {measured.metrics.chance.map:.3f}"


def _write_relaxed(workspace: RowWorkspace, model: "HashModel", members: "Members", path: Path) -> None:
    """Relaxed codes of the bags, in the order of the code table and in its batches: float32, (n, K)."""
    import numpy as np

    from medhash.hashing.bags import whole_bags
    from medhash.retrieval.encode import model_inputs

    inputs = model_inputs(workspace, model.spec, int(members.rows.max()) + 1)
    parts = []
    for bags in whole_bags(members.starts, 256):
        starts = members.starts[bags.start : bags.stop + 1]
        parts.append(model.relaxed_bags(inputs[members.rows[starts[0] : starts[-1]]], starts - starts[0]))
    np.save(path, np.concatenate(parts), allow_pickle=False)


def _device(asked: str) -> str:
    import torch

    return "cuda" if asked == "auto" and torch.cuda.is_available() else "cpu" if asked == "auto" else asked


if __name__ == "__main__":
    raise SystemExit(main())
