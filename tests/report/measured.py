"""A small workspace as it is after evaluate, with codes that know the label set of most images."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from builders import LABELS_OF_SETS, small_workspace, write_codes

from medhash.core.contracts import LABELS, QUERIES, read_table, write_table
from medhash.core.documents import (
    Check,
    CurvePoint,
    Figures,
    GalleryFigures,
    GateReport,
    Interval,
    Metrics,
    SliceFigures,
)
from medhash.core.files import write_json
from medhash.core.workspace import Workspace
from medhash.retrieval.evaluation.headline import headline_of
from medhash.retrieval.evaluation.ranked import FIGURE_COLUMNS

STAGES = ("ingest", "split", "labels", "similarity", "features", "train", "encode", "index", "evaluate")


def measured_workspace(
    root: Path, methods: dict[str, float], bits: int = 32, params: str = "", **small: int
) -> Workspace:
    """methods: name → share of its bits that are noise. Metrics are real where the report shows an order by them."""
    workspace = small_workspace(root, **small)
    sets = read_table(workspace.labels, LABELS)["set_id"].to_numpy()
    for position, (method, noise) in enumerate(methods.items()):
        random = np.random.default_rng(position)
        centres = random.random((len(LABELS_OF_SETS), bits)) < 0.5
        flipped = random.random((len(sets), bits)) < noise / 2
        write_codes(workspace, method, np.packbits(centres[sets] ^ flipped, axis=1), model_digest=f"{position:064x}")
        write_index(workspace, method)
        write_metrics(workspace, method, bits, f"{position:064x}")
        n_epochs = 12 if position % 2 else 1
        write_json(
            workspace.model(method) / "history.json",
            {
                "best_epoch": n_epochs - 1,
                "epochs": [
                    {
                        "loss": 2 / epoch,
                        "quantization": 1 / epoch,
                        "learning_rate": 0.01,
                        "alpha": 1.0,
                        "val_map": 0.5 + 0.02 * epoch,
                        "distinct_codes": 20 * epoch,
                        "worst_bit_imbalance": 0.1,
                    }
                    for epoch in range(1, n_epochs + 1)
                ],
            },
        )
    for stage in STAGES:
        GateReport(
            stage=stage,
            success=True,
            checks=[
                Check(
                    expectation="every row has its pixels", about=stage, success=True, observed="0 rows", offending=[]
                )
            ],
        ).write(workspace.gate(stage))
    (root / "params.yaml").write_text(f"bits: {bits}\nmethods: [{', '.join(methods)}]\n{params}")
    return workspace


def write_index(workspace: Workspace, method: str) -> None:
    """Build the index of a method's codes with the stage's own command."""
    from components.index.__main__ import main

    assert main(["--method", method, "--root", str(workspace.root)]) == 0


def write_metrics(workspace: Workspace, method: str, bits: int, model_digest: str, **changed: object) -> Metrics:
    """Measure a method's codes by a plain sort; ties are broken by bag id."""
    import pyarrow.parquet as pq

    table = pq.read_table(workspace.codes(method))
    codes = np.frombuffer(b"".join(table["code"].to_pylist()), np.uint8).reshape(len(table), -1)
    folds = np.array(table["fold"].to_pylist())
    ids, patients = (read_table(workspace.labels, LABELS)[name].to_pylist() for name in ("bag_id", "patient_id"))
    labels = [set(LABELS_OF_SETS[s]) for s in read_table(workspace.labels, LABELS)["set_id"].to_pylist()]
    gallery = np.flatnonzero(folds != "test")
    rows = []
    for query in np.flatnonzero(folds == "test"):
        distances = np.bitwise_count(codes[gallery] ^ codes[query]).sum(axis=1)
        ranked = gallery[np.argsort(distances, kind="stable")]
        hits = np.array([bool(labels[other] & labels[query]) for other in ranked])
        ap = float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())
        rows.append(
            {"bag_id": ids[query], "patient_id": patients[query], "n_relevant": int(hits.sum()), "n_within_h2": 1}
            | dict.fromkeys(FIGURE_COLUMNS.values(), ap)
        )
    value = float(np.mean([row["ap_expected"] for row in rows]))
    chance = float(np.mean([row["n_relevant"] / len(gallery) for row in rows]))
    metrics = Metrics.model_validate(
        {
            "method": method,
            "bits": bits,
            "n_queries": len(rows),
            "n_gallery": len(gallery),
            "no_relevant_rate": 0.0,
            "figures": _figures(value),
            "chance": _figures(chance),
            "intervals": {"map": Interval(value=value, low=value - 0.04, high=value + 0.04)},
            "curve": [
                CurvePoint(
                    radius=radius,
                    recall=(radius / bits) ** 2,
                    precision=chance + (value - chance) * (1 - radius / bits),
                )
                for radius in range(bits + 1)
            ],
            "slices": slices(value, chance),
            "seen": gallery_figures(len(rows), len(gallery), value, (value + chance) / 2),
            "unseen": gallery_figures(len(rows), len(rows), value, chance),
            "validation_lift": value - chance,
            "validation_map": value,
            "validation_chance": chance,
            "n_distinct_codes": len(np.unique(codes, axis=0)),
            "bit_balance": np.unpackbits(codes, axis=1).mean(axis=0).tolist(),
            "evaluation_digest": "e" * 64,
            "model_digest": model_digest,
        }
        | changed
    )
    metrics.write(workspace.metrics(method) / "metrics.json")
    headline_of(metrics).write(workspace.metrics(method) / "headline.json")
    write_table(workspace.metrics(method) / "queries.parquet", pa.Table.from_pylist(rows, QUERIES), QUERIES)
    return metrics


def gallery_figures(n_queries: int, n_gallery: int, value: float, permuted: float) -> GalleryFigures:
    def around(figure: float) -> Interval:
        return Interval(value=figure, low=figure - 0.04, high=figure + 0.04)

    lift = value - permuted
    return GalleryFigures(
        n_queries=n_queries,
        n_patients=9,
        n_gallery=n_gallery,
        map=value,
        map_permuted=permuted,
        lift=around(lift),
        lift_within={"view": around(lift / 2)},
        neighbours=20,
        knn_auc=around(0.5 + lift),
        label_auc={},
    )


def slices(value: float, chance: float) -> dict[str, dict[str, SliceFigures]]:
    """A slice of each standing: above chance, within it, one patient, and nothing relevant."""
    wide, narrow = (
        {"interval": Interval(value=value, low=low, high=1.0), "lift": Interval(value=0.1, low=low - chance, high=0.9)}
        for low in (0.0, chance + 0.01)
    )
    common = {
        "n_queries": 12,
        "n_answerable": 12,
        "n_patients": 9,
        "map": value,
        "chance_map": chance,
        "ndcg_at_100": value,
        "precision_at_10": value,
    }
    absent = dict.fromkeys(("map", "chance_map", "ndcg_at_100", "precision_at_10", "interval"))
    return {
        "label": {
            "Mass": SliceFigures.model_validate(common | narrow),
            "Effusion": SliceFigures.model_validate(common | wide | {"n_queries": 20}),
            "<i>Hernia</i>": SliceFigures.model_validate(absent | {"n_queries": 1, "n_answerable": 0, "n_patients": 0}),
        },
        "view": {"PA": SliceFigures.model_validate(common | {"interval": None, "n_patients": 1})},
        "sex": {"unknown": SliceFigures.model_validate(common | narrow)},
    }


def _figures(value: float) -> Figures:
    ends = {"": 0.0, "_worst_ties": -0.01, "_best_ties": 0.01}
    tied = {
        name + end: value + step
        for name in ("map", "ndcg_at_100", "acg_at_100", "weighted_map")
        for end, step in ends.items()
    }
    return Figures.model_validate(
        tied
        | {"precision_h2": value, "empty_ball_rate": 0.1}
        | {f"precision_at_{k}": value + 0.001 * k for k in (1, 5, 10)}
    )
