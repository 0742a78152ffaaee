"""Search by preference over a million codes, and its peers: lookup tables, expanded codes, FAISS's product quantiser.

    python -m benchmarks.preference_search [--n 1000000] [--queries 200] [--widths 16,16,16]

Every way answers the same questions (k nearest by weighted distance) and is held to a sort of exact sums: `near` is the
share of queries answered at the same distances, `exact` with the same positions, ties included. p50 and p95 in ms of
single queries, asked by one thread, and by two at once. `plain` is FAISS's IndexBinaryFlat by the whole code, which
knows no weights. `ready` is what must be done once for a preference (expanding, filling a quantiser), with the memory
that this takes beside the index; `tables` and `popcount` read the index's own codes. Codes are drawn around 1,000
centres with 5 % of bits flipped.
"""

import argparse
import os
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import faiss
import numpy as np

from medhash.core.documents import SubCode
from medhash.retrieval.preference import bit_weights, parse_preference, sub_code_weights
from medhash.retrieval.preferred_search import k_smallest, preferred_neighbours

NAMES = ("modality", "organ", "pathology")
K = 10
LARGEST_EXPANDED_MB = 2000
Ask = Callable[[np.ndarray], np.ndarray]
"""Code, uint8 (bits / 8,) → positions (K,)."""
Way = Callable[[], tuple[Ask, float]]
"""Makes ready for a preference → how to ask, and the MB that it takes beside the index."""


def drawn(n: int, bits: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = random.random((1000, bits)) < 0.5
    return np.concatenate(
        [
            np.packbits(centres[random.integers(0, 1000, size)] ^ (random.random((size, bits)) < 0.05), axis=1)
            for size in np.diff(np.append(np.arange(0, n, 50_000), n))
        ]
    )


def plain(index: Any) -> Way:
    return lambda: (lambda code: index.search(code[None], K)[1][0], 0.0)


def by_popcount(index: Any, weights: np.ndarray) -> Way:
    return lambda: (lambda code: preferred_neighbours(index, code, weights, K), 0.0)


def by_tables(codes: np.ndarray, weights: np.ndarray) -> Way:
    """A table per two bytes of a code, of the weighted distance of each of their 65,536 values; a sum of look-ups."""
    words, values = codes.view(np.uint16), np.arange(256, dtype=np.uint8)

    def ask(code: np.ndarray) -> np.ndarray:
        of_byte = [
            (np.unpackbits((values ^ byte)[:, None], axis=1) @ weights[8 * place : 8 * place + 8]).astype(np.int32)
            for place, byte in enumerate(code)
        ]
        tables = [(of_byte[place + 1][:, None] + of_byte[place]).ravel() for place in range(0, len(code), 2)]

        def distances_of(block: slice) -> np.ndarray:
            found = tables[0][words[block, 0]]
            for column in range(1, len(tables)):
                found += tables[column][words[block, column]]
            return found

        return k_smallest(distances_of, len(codes), K)

    return lambda: (ask, 0.0)


def by_expanded(codes: np.ndarray, weights: np.ndarray) -> Way:
    """Every bit as often as it weighs, in a binary index of its own."""
    bits = np.repeat(np.arange(len(weights)), weights)
    bits = np.append(bits, np.full(-len(bits) % 8, -1))  # -1: the zero put at the end

    def expanded(some: np.ndarray) -> np.ndarray:
        unpacked = np.unpackbits(some, axis=1)
        return np.packbits(np.append(unpacked, np.zeros((len(some), 1), np.uint8), axis=1)[:, bits], axis=1)

    def ready() -> tuple[Ask, float]:
        index = faiss.IndexBinaryFlat(len(bits))
        for start in range(0, len(codes), 10_000):
            index.add(expanded(codes[start : start + 10_000]))
        return lambda code: index.search(expanded(code[None]), K)[1][0], len(codes) * len(bits) / 8e6

    return ready


def by_quantiser(codes: np.ndarray, weights: np.ndarray) -> Way:
    """FAISS's IndexPQ with a codebook of all bytes' bits c, asked by inner product with -w · (1 - 2q): it sums the
    query's tables per byte in float32, exact up to 2^24; positions of equal sums are as FAISS leaves them."""
    n_bytes = codes.shape[1]

    book = np.tile(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).ravel(), n_bytes)

    def ready() -> tuple[Ask, float]:
        index = faiss.IndexPQ(8 * n_bytes, n_bytes, 8, faiss.METRIC_INNER_PRODUCT)
        faiss.copy_array_to_vector(book.astype(np.float32), index.pq.centroids)
        index.is_trained = True
        faiss.copy_array_to_vector(codes.ravel(), index.codes)
        index.ntotal = len(codes)

        def ask(code: np.ndarray) -> np.ndarray:
            x = -weights * (1 - 2 * np.unpackbits(code).astype(np.float32))
            return index.search(x.astype(np.float32)[None], K)[1][0]

        return ask, codes.nbytes / 1e6

    return ready


def sums(codes: np.ndarray, weights: np.ndarray, code: np.ndarray) -> np.ndarray:
    """int64, (n,)"""
    return np.concatenate(
        [np.unpackbits(part ^ code, axis=1) @ weights for part in np.array_split(codes, max(1, len(codes) // 50_000))]
    )


def times_ms(ask: Ask, queries: np.ndarray, n_threads: int) -> tuple[float, float]:
    """p50 and p95 over all queries, each asked by one of the threads."""
    taken: list[float] = []

    def run(some: np.ndarray) -> None:
        faiss.omp_set_num_threads(1)
        for code in some:
            started = time.perf_counter()
            ask(code)
            taken.append(1e3 * (time.perf_counter() - started))

    threads = [threading.Thread(target=run, args=(queries[place::n_threads],)) for place in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    p50, p95 = np.percentile(taken, [50, 95])
    return float(p50), float(p95)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--checked", type=int, default=10, help="queries held to exact sums")
    parser.add_argument("--widths", default="16,16,16", help="bits of three sub-codes, multiples of 16 together")
    args = parser.parse_args()
    widths = [int(width) for width in args.widths.split(",")]
    stops = np.cumsum(widths).tolist()
    sub_codes = [
        SubCode(name=name, start=stop - width, stop=stop)
        for name, width, stop in zip(NAMES, widths, stops, strict=True)
    ]
    bits = stops[-1]
    codes = drawn(args.n, bits)
    queries = codes[np.random.default_rng(1).integers(0, args.n, args.queries)] ^ np.uint8(0b00010000)
    flat = faiss.IndexBinaryFlat(bits)
    flat.add(codes)
    index: Any = SimpleNamespace(faiss_index=flat, info=SimpleNamespace(n=args.n, bits=bits))
    print(
        f"{args.n:,} codes of {'+'.join(map(str, widths))} bits, {args.queries} queries, k = {K}, load "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    for said in ({"weights": "organ=2"}, {"weights": "organ=3,pathology=1.5"}, {"prefer": "organ,pathology"}):
        preference = parse_preference(**said)
        assert preference is not None
        weights = bit_weights(preference, sub_codes, bits)
        print(f"\n{' '.join(next(iter(said.items())))}: whole weights {sub_code_weights(preference, sub_codes)}")
        print(
            f"{'':<12}{'ready s':>9}{'MB':>7}{'near':>6}{'exact':>7}"
            + "".join(f"{f'p{share}, {threads}':>9}" for threads in (1, 2) for share in (50, 95))
        )
        ways = {
            "plain": plain(flat),
            "popcount": by_popcount(index, weights),
            "tables": by_tables(codes, weights),
            "expanded": by_expanded(codes, weights),
            "quantiser": by_quantiser(codes, weights),
        }
        exact = [sums(codes, weights, code) for code in queries[: args.checked]]
        for name, make in ways.items():
            if name == "expanded" and args.n * int(weights.sum()) / 8e6 > LARGEST_EXPANDED_MB:
                print(f"{name:<12}would take {args.n * int(weights.sum()) / 8e6:,.0f} MB")
                continue
            started = time.perf_counter()
            ask, megabytes = make()
            ready = time.perf_counter() - started
            found = [ask(code) for code in queries[: args.checked]]
            near = np.mean([(np.sort(d)[:K] == d[rows]).all() for d, rows in zip(exact, found, strict=True)])
            same = np.mean(
                [np.array_equal(np.argsort(d, kind="stable")[:K], rows) for d, rows in zip(exact, found, strict=True)]
            )
            one, two = times_ms(ask, queries, 1), times_ms(ask, queries, 2)
            print(
                f"{name:<12}{ready:9.2f}{megabytes:7.0f}{near:6.2f}{same:7.2f}{one[0]:9.2f}{one[1]:9.2f}{two[0]:9.2f}"
                f"{two[1]:9.2f}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
