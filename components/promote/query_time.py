"""How long one query takes with a release on this machine's CPU: encoding its pixels, and searching the index."""

import time
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from components.evaluate.latency import NEIGHBOURS, Latency
from components.evaluate.tables import Tables
from components.hashing.model import load_model
from components.index.search import load_index, search
from components.members import read_members
from components.quality.arrays import open_array
from components.workspace import Workspace

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
