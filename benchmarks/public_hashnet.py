"""HashNet's loss beside the public formula, at equal everything: one linear layer on frozen EfficientNet-Lite0.

`python -m benchmarks.public_hashnet FOLDER`: a folder of PNG files with a manifest.csv of the columns path, label and
near_duplicate_group, such as brain MRI slices or breast ultrasound. 32 bits, 20 epochs, AdamW with one cycle, seeds 0,
1 and 2; a fifth of the groups are queries. `public`: the weighted likelihood of a batch against the latest codes of all
training images, and tanh without a slope, as the public code has them. The rows of `ours` differ in the slope's rise.
"""

import argparse
import csv
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from medhash.hashing.backbones import backbone_file, read_backbone
from medhash.hashing.features import features_of, lite0_network
from medhash.hashing.objectives.hashnet import HashnetObjective
from medhash.retrieval.measures.lift import exchanged_precision, lift
from medhash.retrieval.measures.set_counts import count_by_hamming

BITS, EPOCHS, BATCH, RATE = 32, 20, 128, 1e-3
SLOPES = {"public": 1.0, "ours": 1.0, "ours, slope rising to 8": 8.0}


def public_loss(h: torch.Tensor, labels: torch.Tensor, bank: torch.Tensor, bank_labels: torch.Tensor) -> torch.Tensor:
    """Mean over pairs of w (log(1 + e^θ) − s θ), θ = 10/K ⟨h_i, u_j⟩, w the inverse share of similar or other pairs."""
    similar = labels @ bank_labels.T > 0
    theta = 10 / BITS * (h @ bank.T)
    cost = torch.log1p(torch.exp(-theta.abs())) + theta.clamp(min=0) - similar.float() * theta
    share = similar.float().mean().clamp(1e-6, 1 - 1e-6)
    return (cost * torch.where(similar, 1 / share, 1 / (1 - share))).mean()


def read_folder(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (n, 1280), classes (n,) and groups (n,)."""
    with (folder / "manifest.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    pixels = np.stack([cv2.resize(cv2.imread(str(folder / row["path"]), 0), (128, 128)) for row in rows])[:, None]
    with tempfile.TemporaryDirectory() as cache:
        features = features_of("lite0-128", pixels, lite0_network(read_backbone(backbone_file(Path(cache)))))[:, -1280:]
    classes, groups = (np.unique([row[key] for row in rows], return_inverse=True)[1] for key in COLUMNS)
    return features, classes, groups


COLUMNS = ("label", "near_duplicate_group")


def trained(x: torch.Tensor, labels: torch.Tensor, kind: str, seed: int) -> nn.Linear:
    torch.manual_seed(seed)
    layer = nn.Linear(x.shape[1], BITS)
    optimizer = torch.optim.AdamW(layer.parameters(), RATE, weight_decay=0.05)
    n_batches = len(x) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=EPOCHS * n_batches + 1)
    objective = HashnetObjective().build(BITS, labels.shape[1])
    bank, bank_labels = torch.zeros(len(x), BITS), torch.zeros_like(labels)
    for epoch in range(EPOCHS):
        order, slope = torch.randperm(len(x)), SLOPES[kind] ** (epoch / (EPOCHS - 1))
        for rows in order[: n_batches * BATCH].view(n_batches, BATCH):
            h = torch.tanh(slope * layer(x[rows]))
            if kind == "public":
                bank[rows], bank_labels[rows] = h.detach(), labels[rows]
                loss = public_loss(h, labels[rows], bank, bank_labels)
            else:
                loss = torch.stack(list(objective(h, labels[rows], layer.weight).values())).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return layer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    torch.set_num_threads(1)
    features, classes, groups = read_folder(parser.parse_args().folder)
    asked = (np.random.default_rng(0).permutation(groups.max() + 1) % 5 == 0)[groups]
    standard = (features - features[~asked].mean(axis=0)) / (features[~asked].std(axis=0) + 1e-6)
    x, labels = torch.from_numpy(standard.astype(np.float32)), torch.eye(classes.max() + 1)[torch.from_numpy(classes)]
    print("| loss | MAP | lift |\n|---|---|---|")
    for kind in SLOPES:
        found = []
        for seed in range(3):
            with torch.no_grad():
                layer = torch.enable_grad()(trained)(x[~asked], labels[~asked], kind, seed)
                codes = np.packbits(layer(x).numpy() >= 0, axis=1)
            counter = count_by_hamming(codes[asked], codes[~asked], classes[~asked], groups[asked], groups[~asked])
            levels = np.eye(classes.max() + 1, dtype=np.int16)
            found.append(lift(exchanged_precision(counter, classes[asked], groups[asked], levels), 0, 0))
        maps, lifts = ([getattr(one, name) for one in found] for name in ("map", "value"))
        print(f"| {kind} | {np.mean(maps):.3f} ± {np.std(maps, ddof=1):.3f} | {np.mean(lifts):+.3f} |", flush=True)


if __name__ == "__main__":
    main()
