"""Training of `drh-18-standard` at 224 px on the GPU of this machine: speed, waiting for data, agreement with the CPU.

    python -m benchmarks.gpu_training [--images 4096] [--epochs 3] [--batch-size 512]

Prints images/s and the share of time spent waiting for data for fp32 and bf16, and how far one batch's codes, loss and
gradient on the GPU lie from the CPU's. Pixels are synthetic (uint8 noise with a bright quarter per class), so only the
speed and the agreement mean anything. Without a GPU it says so and ends with code 1.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.synthetic import N_CLASSES, data_set, pixels_of

METHOD = "drh-18-standard"
SIZE_PX = 224
N_BATCH = 64
"""Images of the batch on which GPU and CPU are compared."""


def speed(
    pixels: np.ndarray, classes: np.ndarray, precision: str, epochs: int, batch_size: int, device: str
) -> dict[str, float]:
    """Medians over the epochs after the first of images_per_s and data_wait_share, through the stage's own loop."""
    from medhash.core.params import Params, TrainParams
    from medhash.hashing.catalogue import find_method, with_overrides
    from medhash.training.deep import train_deep
    from medhash.training.processes import joined_processes

    with tempfile.TemporaryDirectory() as folder, joined_processes(device, 8) as processes:
        workspace, data = data_set(Path(folder), pixels, classes, n_val=min(256, len(pixels) // 4))
        params = Params(
            methods=[METHOD],
            size_px=SIZE_PX,
            bits=64,
            train=TrainParams(epochs=epochs, patience=epochs, precision=precision, device=device),
        )
        method = with_overrides(find_method(METHOD), {"batch_size": batch_size})
        rows: list[dict[str, float]] = []
        train_deep(workspace, params, method, data, 0, processes, lambda start: lambda row, speed: rows.append(speed))
    return {name: float(np.median([row[name] for row in rows[1:]])) for name in rows[0]}


def agreement(pixels: np.ndarray, classes: np.ndarray, precision: str, device: str) -> dict[str, float]:
    """GPU against CPU (fp32) on one batch with the same weights: loss, gradient, and the share of equal bits."""
    import torch

    from medhash.hashing.catalogue import find_method
    from medhash.hashing.networks.build import build_network
    from medhash.training.step import BatchLoss

    def one_batch(device: str, precision: str) -> tuple[float, torch.Tensor, torch.Tensor]:
        torch.manual_seed(0)
        method = find_method(METHOD)
        network = build_network(method.network, 64, 1)
        loss = BatchLoss(network, method.objective.build(64, N_CLASSES), precision).to(device)
        images = torch.from_numpy(pixels[:N_BATCH]).to(device).float() / 255
        labels = torch.eye(N_CLASSES)[torch.from_numpy(classes[:N_BATCH])].to(device)
        total = torch.stack(list(loss(images, labels, 1.0).values())).sum()
        total.backward()
        gradient = torch.cat([p.grad.flatten() for p in loss.parameters() if p.grad is not None])
        with torch.no_grad(), torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            relaxed = network.eval()(images)
        return float(total.detach()), gradient.float().cpu(), relaxed.float().cpu()

    loss_cpu, gradient_cpu, relaxed_cpu = one_batch("cpu", "fp32")
    loss_gpu, gradient_gpu, relaxed_gpu = one_batch(device, precision)
    return {
        "loss_relative": abs(loss_gpu - loss_cpu) / abs(loss_cpu),
        "gradient_relative": float((gradient_gpu - gradient_cpu).norm() / gradient_cpu.norm()),
        "equal_bits_share": float(((relaxed_gpu >= 0) == (relaxed_cpu >= 0)).float().mean()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: to try the benchmark itself")
    args = parser.parse_args()

    import torch

    if args.device == "cuda" and not torch.cuda.is_available():
        print("no GPU: torch sees none on this machine, so there is nothing to measure")
        return 1
    print(
        f"{METHOD}, {SIZE_PX} px, batch {args.batch_size}, {args.images:,} images, "
        f"{torch.cuda.get_device_name() if args.device == 'cuda' else 'CPU'}"
    )
    pixels, classes = pixels_of(args.images, SIZE_PX)
    for precision in ("fp32", "bf16"):
        figures = speed(pixels, classes, precision, args.epochs, args.batch_size, args.device) | agreement(
            pixels, classes, precision, args.device
        )
        print(f"{precision}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
