"""How long one query takes with a release on this machine's CPU: encoding its pixels, and searching the index."""

import time
from pathlib import Path

import numpy as np

from components.evaluate.latency import NEIGHBOURS, Latency
from components.evaluate.tables import Tables
from components.hashing.codes import binarise
from components.hashing.model import load_model
from components.index.search import load_index, search
from components.promote.gallery_facts import pixel_rows
from components.quality.arrays import open_array
from components.workspace import Workspace

_WARM_UP = 5
_LONGEST_RUN = 100


def query_time(workspace: Workspace, release: Path, threads: int) -> Latency:
    """Percentiles over up to 100 test images, or gallery images where there is none, one at a time, after a warm-up.

    release: its folder. threads: of torch. Reading and decoding the image's file are not in it.
    """
    import torch
    torch.set_num_threads(threads)
    model, index = load_model(release / "model"), load_index(release / "index")
    tables = Tables.read(workspace)
    fold_of = dict(zip(tables.split["image_id"].to_pylist(), tables.split["fold"].to_pylist(), strict=True))
    rows = sorted((fold_of.get(image_id) != "test", image_id, row) for image_id, row in pixel_rows(tables).items())
    kept = [row for is_gallery, _, row in rows if is_gallery == rows[0][0]]
    spread = np.unique(np.linspace(0, len(kept) - 1, min(_LONGEST_RUN, len(kept))).astype(int))
    pixels = open_array(workspace.pixels, "ingest")
    queries = [np.array(pixels[kept[place]])[np.newaxis] for place in spread]
    times_ms = []
    for query in [*queries[:_WARM_UP], *queries]:
        started = time.perf_counter()
        search(index, binarise(model.relaxed_pixels(query)), NEIGHBOURS)
        times_ms.append(1e3 * (time.perf_counter() - started))
    p50, p95, p99 = np.percentile(times_ms[-len(queries):], [50, 95, 99])
    return Latency(n_queries=len(queries), n_gallery=index.info.n, k=NEIGHBOURS, p50_ms=float(p50), p95_ms=float(p95),
                   p99_ms=float(p99))
