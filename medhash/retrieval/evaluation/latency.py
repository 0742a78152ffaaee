"""Query latency on this machine; apart from the metrics, as it differs between runs."""

import time

import numpy as np

from medhash.core.documents import Document
from medhash.retrieval.code_table import PlacedCodes
from medhash.retrieval.index import Index, search

NEIGHBOURS = 10
_WARM_UP = 20
_LONGEST_RUN = 1_000


class Latency(Document):
    """Percentiles of the time of a single query on the FAISS index, one thread."""

    n_queries: int
    n_gallery: int
    k: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


def measure_latency(index: Index, queries: PlacedCodes) -> Latency:
    """Time single searches, the asker's own patient left out, after a short warm-up; at most 1,000 queries."""
    n_queries = min(len(queries), _LONGEST_RUN)
    for row in range(min(n_queries, _WARM_UP)):
        search(index, queries.codes[row], NEIGHBOURS, queries.patient_ids[row])
    times_ms = []
    for row in range(n_queries):
        start = time.perf_counter()
        search(index, queries.codes[row], NEIGHBOURS, queries.patient_ids[row])
        times_ms.append(1e3 * (time.perf_counter() - start))
    p50, p95, p99 = np.percentile(times_ms, [50, 95, 99])
    return Latency(
        n_queries=n_queries,
        n_gallery=index.info.n,
        k=NEIGHBOURS,
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
    )
