"""Validation retrieval: validation bags search the train fold, for early stopping and the schedule."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist

from medhash.hashing.bags import vote
from medhash.hashing.networks.bag_outputs import codes_of_bags
from medhash.hashing.networks.network import HashNetwork
from medhash.retrieval.features import JoinedRows
from medhash.retrieval.measures.average_precision import average_precision
from medhash.retrieval.measures.histogram import relevance_histogram
from medhash.retrieval.measures.lift import exchanged_precision, lift
from medhash.retrieval.measures.set_counts import count_by_hamming
from medhash.training.data import DataSet, Fold, batches_of

ENCODE_BATCH = 512


def mean_average_precision(
    queries: Fold, query_codes: np.ndarray, gallery: Fold, gallery_codes: np.ndarray, levels: np.ndarray
) -> float:
    """MAP over the whole ranking, ties in expectation, pairs of one patient left out.

    query_codes, gallery_codes: uint8, packed. Queries without a relevant case are not in the mean; 0 if
    there is no other query.
    """
    histogram = relevance_histogram(
        query_codes, gallery_codes, queries.sets, gallery.sets, levels, queries.patients, gallery.patients
    )
    expected = average_precision(histogram).expected
    return float(np.nanmean(expected)) if np.isfinite(expected).any() else 0.0


@dataclass(frozen=True)
class Encoder:
    """Turns images of the pixel store into relaxed codes with the network as it stands."""

    network: HashNetwork
    inputs: "np.ndarray | JoinedRows"
    """Pixels, or the features of a head."""
    device: torch.device
    precision: str
    prepare: Callable[[torch.Tensor], torch.Tensor]
    """uint8 images on the device to the network's input."""

    def __call__(self, rows: np.ndarray, alpha: float) -> np.ndarray:
        """Relaxed codes of the images at `rows` of the store: float32, (n, K).

        Several processes each encode a part and hand it to all.
        """
        world, rank = (dist.get_world_size(), dist.get_rank()) if dist.is_initialized() else (1, 0)
        parts = np.array_split(np.arange(len(rows)), world)
        relaxed = self._encode(rows[parts[rank]], alpha)
        if world == 1:
            return relaxed
        largest = max(len(part) for part in parts)
        padded = torch.zeros((largest, relaxed.shape[1]), device=self.device)
        padded[: len(relaxed)] = torch.from_numpy(relaxed).to(self.device)
        received = [torch.empty_like(padded) for _ in range(world)]
        dist.all_gather(received, padded)
        gathered = [block.cpu().numpy()[: len(part)] for block, part in zip(received, parts, strict=True)]
        return np.concatenate(gathered)

    def bags(self, fold: Fold, alpha: float) -> np.ndarray:
        """Relaxed codes of a fold's bags, float32 (n, K): pooled by the network, or by vote of their instances'."""
        if self.network.pooling == "none":
            return vote(self(fold.rows, alpha), fold.starts)
        assert isinstance(self.inputs, np.ndarray)  # heads do not pool
        was_training = self.network.training
        self.network.eval()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            relaxed, _ = codes_of_bags(self.network, self.inputs, fold.starts, alpha, fold.rows)
        self.network.train(was_training)
        return relaxed

    @torch.no_grad()
    def _encode(self, rows: np.ndarray, alpha: float) -> np.ndarray:
        was_training = self.network.training
        self.network.eval()
        outputs = [np.zeros((0, self.network.n_outputs), np.float32)]
        for part in batches_of(len(rows), ENCODE_BATCH):
            images = self.prepare(torch.from_numpy(self.inputs[rows[part]]).to(self.device))
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                relaxed = self.network(images, alpha)
            outputs.append(relaxed.float().cpu().numpy())
        self.network.train(was_training)
        return np.concatenate(outputs)


def fold_row(query_codes: np.ndarray, gallery_codes: np.ndarray, data: DataSet) -> dict[str, float]:
    """The figures of an epoch, and how the train fold's codes use their bits.

    val_lift: val bags search each other; val_map: they search the train fold. query_codes, gallery_codes: uint8,
    packed, of all bags of val and train. Without a val fold there is neither; without an answerable query, no val_lift.
    """
    queries, gallery = data.folds["val"], data.folds["train"]
    row: dict[str, float] = {}
    if len(queries):
        row["val_map"] = mean_average_precision(queries, query_codes, gallery, gallery_codes, data.levels)
        counter = count_by_hamming(query_codes, query_codes, queries.sets, queries.patients, queries.patients)
        found = lift(exchanged_precision(counter, queries.sets, queries.patients, data.levels), 0, 0)
        if found.n_queries:
            row["val_lift"] = found.value
    return row | code_health(gallery_codes)


def code_health(codes: np.ndarray) -> dict[str, float]:
    """How well codes use their bits: distinct codes, and the share of ones of the least balanced bit, from 1/2."""
    ones = np.unpackbits(codes, axis=1).mean(axis=0)
    return {"distinct_codes": len(np.unique(codes, axis=0)), "worst_bit_imbalance": float(np.abs(ones - 0.5).max())}
