"""The measurements that a decision is based on, taken once."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from medhash.core.arrays import open_array
from medhash.core.contracts import SPLIT, read_table
from medhash.core.params import Params
from medhash.core.workspace import Workspace
from medhash.hashing.model import load_model
from medhash.releases.promotion.clauses import GalleryFacts
from medhash.releases.promotion.comparison import Comparison, compare_releases
from medhash.releases.promotion.gallery_facts import gallery_facts
from medhash.releases.promotion.query_groups import Turn
from medhash.retrieval.evaluation.latency import NEIGHBOURS, Latency
from medhash.retrieval.evaluation.tables import Tables
from medhash.retrieval.index import load_index, search
from medhash.retrieval.members import read_members

_WARM_UP = 5
_LONGEST_RUN = 100


def query_time(workspace: Workspace, release: Path, threads: int) -> Latency:
    """Percentiles over up to 100 test cases, or gallery cases where there is none, one at a time, after a warm-up.

    release: its folder. threads: of torch. Reading and decoding the images' files are not in it.
    """
    import torch

    torch.set_num_threads(threads)
    model, index = load_model(release / "model"), load_index(release / "index")
    tables = Tables.read(workspace)
    members, test = read_members(tables.images), tables.labels.filter(pc.equal(tables.labels["fold"], "test"))
    in_test = np.isin(members.bag_ids, test["bag_id"].to_numpy())
    kept = np.flatnonzero(in_test if in_test.any() else ~in_test)
    spread = members.take(kept[np.unique(np.linspace(0, len(kept) - 1, min(_LONGEST_RUN, len(kept))).astype(int))])
    pixels = open_array(workspace.pixels, "ingest")
    queries = [np.array(pixels[rows]) for rows in np.split(spread.rows, spread.starts[1:-1])]
    times_ms = []
    for query in [*queries[:_WARM_UP], *queries]:
        started = time.perf_counter()
        search(index, model.codes(query, np.array([0, len(query)])).bags, NEIGHBOURS)
        times_ms.append(1e3 * (time.perf_counter() - started))
    p50, p95, p99 = np.percentile(times_ms[-len(queries) :], [50, 95, 99])
    return Latency(
        n_queries=len(queries),
        n_gallery=index.info.n,
        k=NEIGHBOURS,
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
    )


@dataclass(frozen=True)
class Evidence:
    """Of the challenger's release, and of the champion's where it was compared."""

    comparison: Comparison
    gallery: GalleryFacts
    latency: Latency
    champion_latency: Latency | None
    index_bytes: int
    codes: np.ndarray
    """Of the index, uint8, (n, bits / 8)."""
    test_patients: list[str]
    """Pseudonyms of today's test patients, in order."""
    champion: Path | None
    """Its release folder, where it was compared."""
    not_compared: str = ""
    """Why there is a champion but no comparison with it, which only a forced promotion passes over."""


def gather(workspace: Workspace, params: Params, challenger: Path, champion: Path | None, turn: Turn) -> Evidence:
    """challenger, champion: release folders; champion: None where there is none to compare with.

    Raises MedhashError for the reasons of `compare_releases`.
    """
    comparison = compare_releases(workspace, params, challenger, champion, turn)
    index = load_index(challenger / "index")
    split = read_table(workspace.split, SPLIT)
    in_test = split["fold"].to_numpy() == "test"
    threads = params.train.threads
    return Evidence(
        comparison=comparison,
        gallery=gallery_facts(workspace, challenger),
        latency=query_time(workspace, challenger, threads),
        champion_latency=query_time(workspace, champion, threads) if champion else None,
        index_bytes=sum(path.stat().st_size for path in (challenger / "index").iterdir()),
        codes=index.faiss_index.reconstruct_n(0, index.info.n),
        test_patients=sorted(set(split["patient_id"].to_numpy()[in_test].tolist())),
        champion=champion,
    )
