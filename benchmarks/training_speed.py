"""The stage's own training loop against a loop over one synthetic batch that never leaves the device.

    python -m benchmarks.training_speed [--method drh-18] [--size-px 64] [--batch-size 128] [--images 2048] [--epochs 7]

The peer has the same network, loss, optimiser and batch size, and nothing else: no reading, no augmentation, no look at
whether the loss is finite. Epochs of the two alternate in one process; medians after the first of each are printed.
Validation and checkpoints stand outside both.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.synthetic import data_set, pixels_of


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="drh-18")
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the train stage does, before torch is loaded
    import torch

    from medhash.core.params import Params, TrainParams
    from medhash.hashing.catalogue import find_method, with_overrides
    from medhash.training.augment import AugmentRange
    from medhash.training.deep import make_learner
    from medhash.training.loop import EpochRow, Plan, TrainingProgress, train
    from medhash.training.processes import joined_processes

    method = with_overrides(find_method(args.method), {"batch_size": args.batch_size})
    params = Params(
        methods=[args.method],
        size_px=args.size_px,
        bits=64,
        train=TrainParams(
            epochs=args.epochs, patience=args.epochs, precision=args.precision, device=args.device, threads=args.threads
        ),
    )
    pixels, classes = pixels_of(args.images, args.size_px)
    ours: list[EpochRow] = []
    peer: list[float] = []
    with tempfile.TemporaryDirectory() as folder, joined_processes(args.device, args.threads) as processes:
        _, data = data_set(Path(folder), pixels, classes)
        mapped = np.load(Path(folder) / "data/derived/images/pixels.npy", mmap_mode="r")
        learner, bare = (make_learner(mapped, params, method, data, 0, processes) for _ in range(2))  # type: ignore[arg-type]
        images = torch.rand(args.batch_size, 1, args.size_px, args.size_px, device=processes.device)
        labels = torch.eye(4, device=processes.device)[torch.arange(args.batch_size) % 4]

        def peer_epoch(progress: TrainingProgress, speed: EpochRow) -> None:
            ours.append(speed)
            bare.loss.train()
            started = time.perf_counter()
            for _ in range(args.images // args.batch_size):
                bare.optimizer.zero_grad(set_to_none=True)
                torch.stack(list(bare.loss(images, labels, 1.0).values())).sum().backward()
                bare.optimizer.step()
                bare.schedule.after_batch()
            if processes.device.type == "cuda":
                torch.cuda.synchronize()
            peer.append(args.images // args.batch_size * args.batch_size / (time.perf_counter() - started))

        plan = Plan(args.method, 0, args.epochs, args.epochs, args.batch_size, AugmentRange(), 0.0, lambda share: 1.0)
        train(plan, learner, data, processes, TrainingProgress(), peer_epoch)
    stage = np.median([row["images_per_s"] for row in ours[1:]])
    wait = np.median([row["data_wait_share"] for row in ours[1:]])
    synthetic = np.median(peer[1:])
    print(
        f"{args.method}, {args.size_px} px, batch {args.batch_size}, {args.precision} on {processes.device.type}, "
        f"{args.threads} threads, load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"stage {stage:,.0f} images/s (waiting for data {wait:.2%}), synthetic batch {synthetic:,.0f} images/s, "
        f"ratio {stage / synthetic:.2f}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
