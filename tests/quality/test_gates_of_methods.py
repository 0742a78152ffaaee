"""Poisoned features, models, codes, indexes and metrics: the gate fails where it should and names the row."""

import numpy as np
import pytest
from poison import (
    change,
    change_array,
    edit_json,
    flip_byte,
    kill_bits,
    lower_map,
    require_named,
    resave,
    rewrite_codes,
    set_parameter,
    take,
)

from components.quality.gate import check_stage
from medhash.core.params import load_params

KIND = "gist-512"
POISONS = [
    ("features", "every value is finite", "row 17", lambda w: change_array(w.features(KIND), (17, 3), np.nan)),
    (
        "features",
        "as many rows as images",
        "gist-512.npy: 100",
        lambda w: resave(w.features(KIND), lambda gist: gist[:100]),
    ),
    ("features", "values a row", "gist-512.npy: 500", lambda w: resave(w.features(KIND), lambda gist: gist[:, :500])),
    (
        "train",
        "files are whole",
        "lsh model: data/derived/models/lsh/weights.safetensors is not the file",
        lambda w: flip_byte(w.model("lsh") / "weights.safetensors"),
    ),
    ("train", "bits of params.yaml", "lsh model: 16", lambda w: set_parameter(w, "bits: 16", "bits: 32")),
    (
        "train",
        "of this method",
        "lsh model: itq",
        lambda w: edit_json(w.model("lsh") / "model.json", lambda document: document.update(method="itq")),
    ),
    (
        "train",
        "are finite",
        "lsh epoch 2",
        lambda w: edit_json(
            w.model("lsh") / "history.json", lambda document: document["epochs"][1].update(loss=float("nan"))
        ),
    ),
    (
        "train",
        "collapsed",
        "lsh epoch 2: 1",
        lambda w: edit_json(
            w.model("lsh") / "history.json", lambda document: document["epochs"][1].update(distinct_codes=1)
        ),
    ),
    ("encode", "bits of params.yaml", "lsh codes: 16", lambda w: set_parameter(w, "bits: 16", "bits: 24")),
    (
        "encode",
        "every labelled bag has one code",
        f"bag {5:016x}: 0",
        lambda w: take(w.codes("lsh"), [n for n in range(120) if n != 5]),
    ),
    (
        "encode",
        "every code is of a labelled bag",
        f"bag {5:016x}",
        lambda w: take(w.labels, [n for n in range(120) if n != 5]),
    ),
    ("encode", "the fold is that of the labels", f"bag {5:016x}", lambda w: change(w.codes("lsh"), fold={5: "val"})),
    (
        "encode",
        "model in the model folder",
        "lsh codes: another model",
        lambda w: edit_json(w.model("lsh") / "model.json", lambda document: document.update(data_digest="1" * 64)),
    ),
    ("encode", "of the bits are dead", "lsh bit 7: 0.5", lambda w: rewrite_codes(w, kill_bits)),
    ("encode", "codes are distinct", "lsh codes: 0.008", lambda w: rewrite_codes(w, lambda codes: codes.fill(85))),
    (
        "index",
        "files are whole",
        "lsh index: data/derived/index/lsh/codes.faiss",
        lambda w: take(w.index("lsh") / "entries.parquet", list(range(90))),
    ),
    ("index", "bits of params.yaml", "lsh index: 16", lambda w: set_parameter(w, "bits: 16", "bits: 24")),
    (
        "index",
        "as many entries as gallery codes",
        "lsh index: 96",
        lambda w: take(w.codes("lsh"), [n for n in range(120) if n != 5]),
    ),
    (
        "index",
        "a bag of the gallery, once",
        f"bag {5:016x}: not in the gallery",
        lambda w: take(w.codes("lsh"), [n for n in range(120) if n != 5]),
    ),
    (
        "index",
        "the code at its position",
        f"bag {0:016x}",
        lambda w: take(w.index("lsh") / "entries.parquet", [1, 0, *range(2, 96)]),
    ),
    ("index", "distance 0", f"bag {6:016x}: ", lambda w: rewrite_codes(w, lambda codes: codes[6].__ixor__(255))),
    (
        "evaluate",
        "above chance",
        "lsh MAP 0.1000 [0.0500, 0.1500], chance 0.5",
        lambda w: edit_json(w.metrics("lsh") / "metrics.json", lower_map),
    ),
    (
        "evaluate",
        "in its range",
        "lsh ndcg_at_100 1.2",
        lambda w: edit_json(
            w.metrics("lsh") / "metrics.json", lambda document: document["figures"].update(ndcg_at_100=1.2)
        ),
    ),
    (
        "evaluate",
        "intervals contain",
        "lsh precision_h2",
        lambda w: edit_json(
            w.metrics("lsh") / "metrics.json", lambda document: document["intervals"]["precision_h2"].update(high=0.0)
        ),
    ),
    (
        "evaluate",
        "tie order",
        "lsh map_worst_ties",
        lambda w: edit_json(
            w.metrics("lsh") / "metrics.json", lambda document: document["figures"].update(map_worst_ties=0.99)
        ),
    ),
    (
        "evaluate",
        "tie order",
        "lsh weighted_map_best_ties",
        lambda w: edit_json(
            w.metrics("lsh") / "metrics.json", lambda document: document["figures"].update(weighted_map_best_ties=0.0)
        ),
    ),
    (
        "evaluate",
        "in its range",
        "lsh label Mass MAP 1.5",
        lambda w: edit_json(
            w.metrics("lsh") / "metrics.json", lambda document: document["slices"]["label"]["Mass"].update(map=1.5)
        ),
    ),
    (
        "evaluate",
        "every query has a row",
        "lsh metrics: 24",
        lambda w: take(w.metrics("lsh") / "queries.parquet", list(range(20))),
    ),
]


@pytest.mark.parametrize(
    ("stage", "words", "row", "poison"), POISONS, ids=[f"{stage}-{words}-{row}" for stage, words, row, _ in POISONS]
)
def test_a_poisoned_table_fails_and_names_the_row(workspace, stage, words, row, poison):
    require_named(workspace, stage, words, row, poison)


@pytest.mark.parametrize("stage", ["train", "encode"])
@pytest.mark.parametrize(("references", "passes"), [("[]", False), ("[lsh]", True)])
def test_the_codes_of_a_reference_may_collapse(workspace, stage, references, passes):
    if stage == "train":
        edit_json(
            workspace.model("lsh") / "history.json", lambda document: document["epochs"][1].update(distinct_codes=1)
        )
    else:
        rewrite_codes(workspace, lambda codes: codes.fill(85))
    with (workspace.root / "params.yaml").open("a") as params:
        params.write(f"quality: {{references: {references}}}\n")
    report, _ = check_stage(stage, workspace, load_params(workspace.root / "params.yaml"))
    assert report.success is passes
