"""Training steps on bags packed one after the other against bags padded to the longest of their batch, with a mask.

    python -m benchmarks.bag_batching [--pooling max] [--bags 32] [--steps 20] [--size-px 64] [--threads 2]

Both sides have one network, the same bags in the same batches, one loss, and the same mathematics: the trunk's norms
keep their statistics fixed, as padding would enter statistics over a batch. That padding changes nothing but the time
is shown first: codes, loss and gradient of one batch, side by side. Steps of the two alternate in one process, on the
same batches; a step is gathering pixels, forward, backward and the optimiser. Bag sizes are real:

  breasts  regions of interest per breast in the four case tables of CBIS-DDSM, 1 - 13
  tissue   patches per square of 8 × 8 patches of a whole slide of the IDC collection, 1 - 64
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np

BREASTS = {1: 373, 2: 1151, 3: 32, 4: 86, 5: 17, 6: 27, 7: 2, 8: 9, 9: 1, 10: 4, 11: 2, 12: 3, 13: 1}
TISSUE = {
    1: 2,
    2: 4,
    3: 1,
    4: 4,
    5: 1,
    7: 2,
    9: 1,
    10: 2,
    12: 2,
    13: 1,
    14: 1,
    18: 1,
    20: 1,
    22: 1,
    26: 2,
    38: 1,
    39: 1,
    43: 1,
    54: 1,
    64: 1,
}
"""Images in a bag → how many bags have so many."""
N_CLASSES = 3
N_IMAGES = 2048
BITS = 64


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pooling", choices=("max", "mean", "attention"), default="max")
    parser.add_argument("--bags", type=int, default=32, help="in a batch (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    args = parser.parse_args()

    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the train stage does, before torch is loaded
    import torch

    torch.set_num_threads(args.threads)
    processor = torch.cuda.get_device_name() if args.device == "cuda" else _processor()
    print(
        f"{processor}, {os.cpu_count()} cores, {args.threads} threads, load {os.getloadavg()[0]:.1f}, torch "
        f"{torch.__version__}; {args.pooling} pooling, {args.bags} bags a step, {args.size_px} px"
    )
    pixels = np.random.default_rng(0).integers(0, 255, (N_IMAGES, 1, args.size_px, args.size_px), dtype=np.uint8)
    for name, counts in (("breasts", BREASTS), ("tissue", TISSUE)):
        _compare(name, counts, pixels, args)
    return 0


def _compare(name: str, counts: dict[int, int], pixels: np.ndarray, args: argparse.Namespace) -> None:
    import torch

    from medhash.hashing.networks.build import build_network
    from medhash.hashing.networks.network import HashNetwork
    from medhash.hashing.objectives.dmih import DmihObjective

    batches = batches_of(counts, args.steps + 1, args.bags)
    sides: dict[str, tuple[Callable[..., Any], HashNetwork, torch.optim.Optimizer]] = {}
    for side, forward in (("packed", packed_codes), ("padded", padded_codes)):
        torch.manual_seed(0)
        network = build_network(
            {
                "kind": "residual",
                "depth": 18,
                "width": "paper",
                "stem": "small",
                "code_norm": "batch",
                "pooling": args.pooling,
            },
            BITS,
            1,
            args.size_px,
        ).to(args.device)
        for module in network.trunk.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
        sides[side] = forward, network, torch.optim.SGD(network.parameters(), lr=1e-3)
    objective = DmihObjective().build(BITS, N_CLASSES)

    def step(side: str, sizes: np.ndarray, rows: np.ndarray, labels: torch.Tensor) -> tuple[float, torch.Tensor]:
        forward, network, optimizer = sides[side]
        optimizer.zero_grad(set_to_none=True)
        bags, instances = forward(network, pixels, sizes, rows, args.device)
        starts = torch.from_numpy(np.concatenate([[0], np.cumsum(sizes)])).to(args.device)
        terms = objective(bags, labels, network.hash_layer.weight, instances=instances, starts=starts, done=0.5)
        loss = torch.stack(list(terms.values())).sum()
        loss.backward()
        optimizer.step()
        if args.device == "cuda":
            torch.cuda.synchronize()
        return float(loss.detach()), bags.detach()

    first = {side: step(side, *_on(args.device, batches[0])) for side in sides}
    _print_agreement(name, first, *(network for _, network, _ in sides.values()))
    seconds = dict.fromkeys(sides, 0.0)
    for number, batch in enumerate(batches[1:]):
        for side in list(sides) if number % 2 else list(sides)[::-1]:
            started = time.perf_counter()
            step(side, *_on(args.device, batch))
            seconds[side] += time.perf_counter() - started
    n_images = sum(len(rows) for _, rows, _ in batches[1:])
    n_slots = sum(len(sizes) * sizes.max() for sizes, _, _ in batches[1:])
    print(
        f"{name}: packed {args.steps / seconds['packed']:.2f} steps/s, padded {args.steps / seconds['padded']:.2f} "
        f"steps/s, ratio {seconds['padded'] / seconds['packed']:.2f}; {1 - n_images / n_slots:.0%} of the padded "
        f"images are padding, {n_images / args.steps:.0f} images a step, load {os.getloadavg()[0]:.1f}"
    )


def packed_codes(network, pixels, sizes, rows, device):  # type: ignore[no-untyped-def]
    """The network's own way: images of one bag after the other's."""
    import torch

    starts = torch.from_numpy(np.concatenate([[0], np.cumsum(sizes)])).to(device)
    return network.bags(torch.from_numpy(pixels[rows]).to(device).float() / 255, starts)


def padded_codes(network, pixels, sizes, rows, device):  # type: ignore[no-untyped-def]
    """The same codes from (bags, longest, C, S, S) and a mask; the instances' codes without the padding's."""
    import torch

    mask = np.arange(sizes.max()) < sizes[:, None]  # (n, L)
    padded = np.zeros((*mask.shape, *pixels.shape[1:]), np.uint8)
    padded[mask] = pixels[rows]
    x, real = torch.from_numpy(padded).to(device).float() / 255, torch.from_numpy(mask).to(device)
    features = network.trunk(x.flatten(0, 1)).unflatten(0, mask.shape)  # (n, L, d)
    if network.pooling == "max":
        pooled = features.masked_fill(~real[:, :, None], -torch.inf).amax(dim=1)
    else:
        if network.pooling == "attention":
            gate = network.attention
            scores = gate.score_layer(torch.tanh(gate.tanh_layer(features)) * torch.sigmoid(gate.gate_layer(features)))
            weights = torch.softmax(scores.masked_fill(~real[:, :, None], -torch.inf), dim=1)
        else:
            weights = real[:, :, None] / real.sum(dim=1)[:, None, None]
        pooled = (weights * features).sum(dim=1)
    pooled, single = network.hash_layer(pooled), network.hash_layer(features)[real]
    variance, mean = torch.var_mean(pooled, dim=0, correction=0)
    scale = torch.rsqrt(variance + network.code_norm.eps)
    return torch.tanh(network.code_norm(pooled)), torch.tanh((single - mean) * scale)


def batches_of(counts: dict[int, int], n_batches: int, n_bags: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Sizes (n,), pixel rows (m,) and classes (n,) of each batch; sizes drawn as often as they occur.

    No image twice in a batch: how the gradient of a maximum is shared among equal images is left to torch.
    """
    random = np.random.default_rng(1)
    shares = np.array(list(counts.values())) / sum(counts.values())
    batches = []
    for _ in range(n_batches):
        sizes = random.choice(list(counts), n_bags, p=shares)
        batches.append((sizes, random.permutation(N_IMAGES)[: sizes.sum()], random.integers(0, N_CLASSES, n_bags)))
    return batches


def _on(device, batch):  # type: ignore[no-untyped-def]
    import torch

    sizes, rows, classes = batch
    return sizes, rows, torch.eye(N_CLASSES, device=device)[torch.from_numpy(classes)]


def _print_agreement(name, first, packed, padded):  # type: ignore[no-untyped-def]
    """How far codes, loss and gradients of one batch lie apart; gradients relative to the largest."""
    (loss, codes), (other_loss, other_codes) = first["packed"], first["padded"]
    pairs = [(one.grad, other.grad) for one, other in zip(packed.parameters(), padded.parameters(), strict=True)]
    largest = max(float(one.abs().max()) for one, _ in pairs)
    apart = max(float((one - other).abs().max()) for one, other in pairs) / largest
    print(
        f"{name}: one batch packed and padded: codes {float((codes - other_codes).abs().max()):.0e} apart, loss "
        f"{abs(loss - other_loss) / abs(loss):.0e} of it, gradient {apart:.0e} of its largest"
    )


def _processor() -> str:
    with open("/proc/cpuinfo") as handle:
        names = [line.split(":", 1)[1].strip() for line in handle if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    raise SystemExit(main())
