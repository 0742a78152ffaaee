"""What serving the challenger costs: the time of a query and the size of the index."""

from components.promote.clauses.clause import Clause

_MEGABYTE = 10**6


def latency(p95_ms: float, champion_p95_ms: float | None, max_p95_ms: float) -> Clause:
    """p95 of encoding and searching one query on this machine's CPU ≤ max_p95_ms, in milliseconds."""
    beside = f"; the champion's {champion_p95_ms:.1f} ms" if champion_p95_ms is not None else ""
    if p95_ms <= max_p95_ms:
        return Clause(
            "latency", True, f"95 % of the queries take at most {p95_ms:.1f} ms, limit {max_p95_ms:g} ms{beside}"
        )
    return Clause(
        "latency",
        False,
        f"95 % of the queries take up to {p95_ms:.1f} ms, limit {max_p95_ms:g} ms{beside}",
        "run it again when the machine is quiet; else take a smaller network, or raise promote.max_p95_ms",
    )


def size(index_bytes: int, max_index_mb: float) -> Clause:
    """The files of the index folder together ≤ max_index_mb · 10^6 bytes."""
    figures = f"the index takes {index_bytes / _MEGABYTE:,.2f} MB, limit {max_index_mb:g} MB"
    if index_bytes <= round(max_index_mb * _MEGABYTE):
        return Clause("size", True, figures)
    return Clause(
        "size",
        False,
        figures,
        "take fewer bits, index fewer images, or raise promote.max_index_mb if the searchers' memory allows it",
    )
