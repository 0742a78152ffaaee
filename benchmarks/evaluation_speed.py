"""Evaluation at the size of ChestX-ray14's official split against a MAP by one argsort per query.

    python -m benchmarks.evaluation_speed [--bits 64] [--queries 22433] [--gallery 86524] [--runs 3] [--full]

Measures all that the stage evaluate measures on its test side (every figure in expectation, worst and best tie order,
curve, chance, slices, bootstrap intervals), from tables in memory; each time in a process of its own, so that compiling
and peak memory are counted: `first` is the first call, `again` the second in the same process. The peer computes one
figure, MAP with ties in the order of the gallery; it is timed on a sample of the queries and scaled up unless --full.
Codes are drawn around 1,000 centres with 5 % of the bits flipped, or uniformly; labels as rare as ChestX-ray14's.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

SHARES = {
    "Infiltration": 0.178,
    "Effusion": 0.119,
    "Atelectasis": 0.103,
    "Nodule": 0.056,
    "Mass": 0.052,
    "Pneumothorax": 0.047,
    "Consolidation": 0.042,
    "Pleural_Thickening": 0.03,
    "Cardiomegaly": 0.025,
    "Emphysema": 0.022,
    "Edema": 0.021,
    "Fibrosis": 0.015,
    "Pneumonia": 0.013,
    "Hernia": 0.002,
}
"""Label → share of ChestX-ray14's images."""
IMAGES_PER_PATIENT = 5
PEER_QUERIES = 300


def synthetic(n_queries: int, n_gallery: int, bits: int, kind: str, seed: int = 0) -> tuple[Any, Any]:
    """A code table and the tables around it; gallery images first, patients of five images each."""
    import pyarrow as pa

    from components.similarity.similarity import compare_sets
    from medhash.core.contracts import IMAGES, LABEL_SETS, LABELS
    from medhash.core.documents import Vocabulary
    from medhash.retrieval.evaluation.tables import Tables

    random = np.random.default_rng(seed)
    n = n_queries + n_gallery
    carried = random.random((n, len(SHARES))) < np.array(list(SHARES.values()))
    sets, set_ids = np.unique(carried, axis=0, return_inverse=True)
    drawn = (random.random((1000, bits)) < 0.5)[random.integers(0, 1000, n)] ^ (random.random((n, bits)) < 0.05)
    ones = random.random((n, bits)) < 0.5 if kind == "random" else drawn
    packed = np.packbits(ones, axis=1)
    ids = [f"{number:016x}" for number in range(n)]
    patients = [f"{number // IMAGES_PER_PATIENT:016x}" for number in range(n_gallery)]
    patients += [f"{10**9 + number // IMAGES_PER_PATIENT:016x}" for number in range(n_queries)]
    folds = ["train"] * n_gallery + ["test"] * n_queries
    columns = {
        "image_id": ids,
        "bag_id": ids,
        "patient_id": patients,
        "view": np.where(random.random(n) < 0.6, "PA", "AP"),
        "sex": np.where(random.random(n) < 0.56, "M", "F"),
        "age": random.integers(1, 95, n).astype(np.int16),
    }
    images = pa.table({field.name: columns.get(field.name, pa.nulls(n, field.type)) for field in IMAGES})
    info = {
        "method": kind,
        "bits": bits,
        "model_digest": "0" * 64,
        "sub_codes": [{"name": "code", "start": 0, "stop": bits}],
    }
    code = pa.FixedSizeBinaryArray.from_buffers(pa.binary(bits // 8), n, [None, pa.py_buffer(packed.tobytes())])
    codes = pa.table({"bag_id": ids, "fold": folds, "code": code})
    label_sets = pa.table(
        {
            "set_id": np.arange(len(sets), dtype=np.int32),
            "labels": [np.flatnonzero(row).astype(np.int16) for row in sets],
            "n_bags": np.bincount(set_ids),
        }
    ).cast(LABEL_SETS)
    tables = Tables(
        images=images,
        labels=pa.table(
            {"bag_id": ids, "patient_id": patients, "fold": folds, "set_id": set_ids.astype(np.int32)}
        ).cast(LABELS),
        label_sets=label_sets,
        similarity=compare_sets(label_sets),
        vocabulary=Vocabulary(attribute="finding", labels=list(SHARES), n_bags={}, n_unlabelled={}),
    )
    return codes.replace_schema_metadata({"medhash": json.dumps(info)}), tables


def evaluation(codes: Any, tables: Any) -> dict[str, float]:
    """Seconds of the first and the second evaluation in this process, its threads, and its MAP."""
    from medhash.core.params import EvaluateParams
    from medhash.retrieval.evaluation.measure import measure
    from medhash.retrieval.measures.threads import available_threads

    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        metrics = measure(codes, tables, EvaluateParams(), 0).metrics
        seconds.append(time.perf_counter() - started)
    return {
        "first": seconds[0],
        "again": seconds[1],
        "threads": available_threads(),
        "map": metrics.figures.map,
        "worst": metrics.figures.map_worst_ties,
        "best": metrics.figures.map_best_ties,
    }


def peer(codes: Any, tables: Any, n_timed: int) -> dict[str, float]:
    """Seconds of an argsort MAP over all queries, from `n_timed` of them, and its MAP over those."""
    from medhash.retrieval.code_table import place_codes

    placed, levels = place_codes(codes, tables.labels), tables.level_matrix()
    queries, gallery = placed.of_folds("test"), placed.of_folds("train", "val")
    timed = np.linspace(0, len(queries) - 1, min(n_timed, len(queries))).astype(int)
    values = []
    started = time.perf_counter()
    for row in timed:
        distances = np.bitwise_count(queries.codes[row] ^ gallery.codes).sum(axis=1)
        ranked = (levels[queries.set_ids[row]][gallery.set_ids] > 0)[np.argsort(distances, kind="stable")]
        precision = (np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked]
        values.append(precision.mean() if len(precision) else np.nan)
    seconds = time.perf_counter() - started
    return {"again": seconds * len(queries) / len(timed), "timed": len(timed), "map": float(np.nanmean(values))}


def in_own_process(which: str, args: argparse.Namespace) -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.evaluation_speed",
        "--only",
        which,
        "--kind",
        args.kind,
        *(f"--{name}={getattr(args, name)}" for name in ("bits", "queries", "gallery")),
    ]
    result: dict[str, float] = json.loads(
        subprocess.run([*command, *["--full"] * args.full], check=True, capture_output=True, text=True).stdout
    )
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--queries", type=int, default=22_433)
    parser.add_argument("--gallery", type=int, default=86_524)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--kind", choices=("clustered", "random"), default="clustered")
    parser.add_argument("--full", action="store_true", help="time the peer on all queries")
    parser.add_argument("--only", choices=("evaluation", "peer", "nothing"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        codes, tables = synthetic(args.queries, args.gallery, args.bits, args.kind)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        result = (
            {}
            if args.only == "nothing"
            else evaluation(codes, tables)
            if args.only == "evaluation"
            else peer(codes, tables, args.queries if args.full else PEER_QUERIES)
        )
        print(
            json.dumps(
                result
                | {"before_mb": before / 1024, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
            )
        )
        return 0

    print(
        f"{args.queries:,} queries × {args.gallery:,} gallery, {args.bits} bits, {args.kind} codes, "
        f"{args.runs} runs each, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    runs = [in_own_process("evaluation", args) for _ in range(args.runs)]
    peers = [in_own_process("peer", args) for _ in range(args.runs)]
    first, again, argsort = (
        statistics.median(run[key] for run in group)
        for group, key in ((runs, "first"), (runs, "again"), (peers, "again"))
    )
    how = "all queries" if args.full else f"scaled from {peers[0]['timed']} queries"
    print(
        f"evaluation, all figures: {again:.2f} s on {runs[0]['threads']} threads, {first:.2f} s with compiling; "
        f"peak {max(run['peak_mb'] for run in runs):.0f} MB, of which {runs[0]['before_mb']:.0f} MB before it began"
    )
    print(
        f"argsort, MAP alone: {argsort:.1f} s ({how}), one thread; ratio {argsort / again:.0f} ×, "
        f"{argsort / first:.0f} × with compiling; load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"MAP {runs[0]['map']:.6f} (worst tie order {runs[0]['worst']:.6f}, best {runs[0]['best']:.6f}); argsort "
        f"{peers[0]['map']:.6f} on its queries"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
