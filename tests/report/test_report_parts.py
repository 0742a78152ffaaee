"""The parts of the report that choose or judge: examples, colours, flags, the best method."""

from pathlib import Path

import numpy as np
import pytest
from report.measured import measured_workspace, write_metrics

from components.report.metric_table import standing
from components.report.retrievals import picture, retrievals
from components.report.run import best_method, read_run
from medhash.core.contracts import IMAGES, LABELS, read_table
from medhash.core.documents import Interval, Metrics
from medhash.core.params import Params, load_params
from medhash.retrieval.code_map import OTHER_LABELS, coloured_labels


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Metrics:
    workspace = measured_workspace(tmp_path_factory.mktemp("one"), {"lsh": 0.9}, n_patients=10)
    return Metrics.read(workspace.metrics("lsh") / "metrics.json")


@pytest.mark.parametrize(
    ("value", "low", "expected"),
    [(0.6, 0.55, "above"), (0.6, 0.5, "within"), (0.6, 0.4, "within"), (0.5, 0.45, "below"), (0.4, 0.3, "below")],
)
def test_standing_beside_a_chance_of_one_half(value: float, low: float, expected: str) -> None:
    assert standing(value, 0.5, Interval(value=value, low=low, high=0.9)) == expected


def test_standing_beside_permuted_labels_and_without_an_interval() -> None:
    interval = Interval(value=0.6, low=0.55, high=0.9)
    assert standing(0.6, 0.5, interval, permuted=0.54) == "above"
    assert standing(0.6, 0.5, interval, permuted=0.55) == "permuted"
    assert (standing(0.6, 0.5, None), standing(0.4, 0.5, None), standing(None, None, None)) == (
        "unknown",
        "below",
        "unknown",
    )


def test_few_queries_are_shared_out_between_what_it_does_well_and_where_it_fails(tmp_path: Path) -> None:
    workspace = measured_workspace(tmp_path, {"lsh": 0.6}, n_patients=14)
    run = read_run(workspace, load_params(tmp_path / "params.yaml"))
    shown = retrievals(run)
    assert 2 <= len(run.queries) <= 8
    assert shown["bad"]
    assert min(found["ap"] for found in shown["good"]) >= max(found["ap"] for found in shown["bad"])


def test_the_best_method_is_best_on_validation_and_first_by_name_among_equals(metrics: Metrics) -> None:
    def validated(value: float) -> Metrics:
        return metrics.model_copy(update={"validation_lift": value})

    assert best_method({"b": validated(0.4), "c": validated(0.5), "a": validated(0.5)}, Params(methods=["a"])) == "a"


def test_examples_are_the_extremes_of_average_precision_and_never_the_query_s_own_patient(tmp_path: Path) -> None:
    workspace = measured_workspace(tmp_path, {"drh-18": 0.6})
    run = read_run(workspace, load_params(tmp_path / "params.yaml"))
    shown = retrievals(run)
    ap = run.queries["ap_expected"].to_numpy()
    assert shown["good"][0]["ap"] == ap.max()
    assert shown["bad"][0]["ap"] == ap.min()
    images = read_table(workspace.images, IMAGES)
    patient = dict(zip(images["image_id"].to_pylist(), images["patient_id"].to_pylist(), strict=True))
    labels = read_table(workspace.labels, LABELS)
    fold = dict(zip(labels["bag_id"].to_pylist(), labels["fold"].to_pylist(), strict=True))
    for example in shown["good"] + shown["bad"]:
        assert len(example["neighbours"]) == 5
        assert fold[example["query"]["bag_id"]] == "test"
        for tile in example["neighbours"]:
            assert fold[tile["bag_id"]] != "test"
            assert patient[tile["bag_id"]] != patient[example["query"]["bag_id"]]
            assert bool(tile["shared"]) == bool(set(tile["labels"]) & set(example["query"]["labels"]))
        distances = [tile["distance"] for tile in example["neighbours"]]
        assert distances == sorted(distances)
    assert len({patient[example["query"]["bag_id"]] for example in shown["good"]}) == len(shown["good"])


def test_an_image_takes_the_colour_of_its_rarest_frequent_label() -> None:
    labels = [["a"]] * 9 + [["a", "b"], ["b"], [], *[[letter] * 1 for letter in "ccddeeff"], ["g"]]
    coloured = coloured_labels(labels)
    assert coloured[0] == "a"
    assert coloured[9] == "b"  # b is on 2 images, a on 10
    assert coloured[11] == OTHER_LABELS  # nothing labelled
    assert coloured[-1] == OTHER_LABELS  # g is the seventh label by frequency


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 64, 64), (1, 400, 300)])
def test_a_picture_keeps_its_look_and_stays_small(shape: tuple[int, int, int]) -> None:
    import base64

    import cv2

    pixels = np.zeros(shape, np.uint8)
    pixels[0] = 200  # grey, or red of an RGB image
    uri = picture(pixels)
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(uri.split(",")[1]), np.uint8), cv2.IMREAD_COLOR)
    assert max(decoded.shape[:2]) <= 160
    assert decoded[5, 5].tolist() == ([200, 200, 200] if shape[0] == 1 else [0, 0, 200])


def test_metrics_of_other_queries_are_called_not_comparable(tmp_path: Path) -> None:
    from components.report.page import render_page, run_plots

    workspace = measured_workspace(tmp_path, {"lsh": 0.9, "itq": 0.8}, n_patients=10)
    params = load_params(tmp_path / "params.yaml")

    def page() -> str:
        run = read_run(workspace, params)
        return render_page(run, run_plots(run))

    assert "not comparable" not in page()
    write_metrics(workspace, "itq", 32, "1" * 64, evaluation_digest="f" * 64)
    assert "not comparable" in page()
