"""Command line of the stage train: pixels or GIST vectors and labels → models/METHOD."""

from pathlib import Path
from typing import Any

from medhash.core.command import checkout, reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    """Train one hashing method and write its model folder; an interrupted training resumes from its checkpoint.

    Several GPUs: torchrun --nproc-per-node N -m components.train --method NAME
    """
    parser = stage_parser("train", main.__doc__)
    parser.add_argument("--method", required=True, help="a method of the catalogue, such as drh-18")
    parser.add_argument("--seed", type=int, help="seed of weights, order and augmentation (default: params.seed)")
    parser.add_argument("--out", type=Path, help="model folder (default: data/derived/models/METHOD)")
    args = parser.parse_args(argv)

    import contextlib
    import logging
    import os
    import sys

    # Threads that wait without spinning: on a busy machine two spinning threads took seven times as long. torch's
    # OpenMP reads this when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from components.train.record import recorded
    from medhash.training.train import train_method

    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    workspace, params = checkout(args)
    is_first = os.environ.get("RANK", "0") == "0"
    try:
        recording = (
            recorded(workspace, params.promote.name, params.model_dump_json())
            if is_first
            else contextlib.nullcontext((None, None))
        )
        with recording as (on_start, finish):
            history = train_method(workspace, params, args.method, seed=args.seed, out=args.out, on_start=on_start)
            if history is None or finish is None:
                return 0
            finish(history)
    except KeyboardInterrupt:
        print(
            "stopped; the finished epochs are in var/checkpoints, and the same command resumes from there",
            file=sys.stderr,
        )
        raise
    print(told(args.method, history))
    return 0


def told(method: str, history: "dict[str, Any]") -> str:
    """How a training ended, in one line."""
    kept = history["epochs"][history["best_epoch"]]
    named = (("validation lift", "val_lift", "+.3f"), ("MAP", "val_map", ".3f"))
    figures = ", ".join(f"{name} {kept[column]:{form}}" for name, column, form in named if column in kept)
    figure = f", best in epoch {history['best_epoch'] + 1}: {figures}" if figures else ", the last one kept"
    n_epochs, n_codes = len(history["epochs"]), kept["distinct_codes"]
    return f"{method}: {n_epochs} epochs{figure}, {n_codes:,} distinct codes in the train fold"


if __name__ == "__main__":
    raise SystemExit(main())
