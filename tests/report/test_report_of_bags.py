"""The report over bags: a case shows its images, the one that carried the match and their weights, and is called so."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from of_bags import METHOD, run_of_bags
from report.test_report_page import Page, report

from components.report.data_cards import data_cards
from components.report.page import glossary, render_page, run_plots
from components.report.retrievals import Pictured, retrievals
from components.report.run import Run, read_run
from medhash.core.contracts import codes_schema, write_table
from medhash.core.errors import MedhashError
from medhash.core.params import load_params
from medhash.core.workspace import Workspace
from medhash.retrieval.code_table import read_codes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return run_of_bags(tmp_path_factory.mktemp("bags"))


@pytest.fixture(scope="module")
def page(made: Workspace) -> Page:
    return Page(report(made.root))


def run_in(workspace: Workspace) -> Run:
    return read_run(workspace, load_params(workspace.root / "params.yaml"))


def without_image_codes(made: Workspace, root: Path) -> Workspace:
    shutil.copytree(made.root, root)
    workspace = Workspace(root)
    table = read_codes(workspace.codes(METHOD))
    kind = table.schema.field("instances").type
    about = {"medhash": table.schema.metadata[b"medhash"].decode()}
    write_table(
        workspace.codes(METHOD), table.set_column(3, "instances", pa.nulls(len(table), kind)), codes_schema(16), about
    )
    return workspace


def test_the_image_that_carried_the_match_is_that_of_plain_loops_over_the_codes(made: Workspace) -> None:
    rows = {
        row["bag_id"]: [int.from_bytes(image["code"]) for image in row["instances"]]
        for row in read_codes(made.codes(METHOD)).to_pylist()
    }
    shown = retrievals(run_in(made))
    assert len(shown["good"]) == len(shown["bad"]) == 2  # one per patient
    for example in shown["good"] + shown["bad"]:
        query, of_query = rows[example["query"]["bag_id"]], set()
        for tile in example["neighbours"]:
            distance, first, second = min(
                ((a ^ b).bit_count(), i, j) for i, a in enumerate(query) for j, b in enumerate(rows[tile["bag_id"]])
            )
            assert tile["matched"] == {"query_image": first + 1, "image": second + 1, "distance": distance}
            assert [image["number"] for image in tile["images"] if image["is_match"]] == [second + 1]
            of_query.add(first + 1)
        assert {image["number"] for image in example["query"]["images"] if image["is_match"]} == of_query


def test_without_codes_of_single_images_the_model_gives_the_same_ones(made: Workspace, tmp_path: Path) -> None:
    workspace = without_image_codes(made, tmp_path / "run")
    assert retrievals(run_in(workspace)) == retrievals(run_in(made))


def test_a_model_that_did_not_make_the_codes_is_not_asked(made: Workspace, tmp_path: Path) -> None:
    workspace = without_image_codes(made, tmp_path / "run")
    spec = workspace.model(METHOD) / "model.json"
    spec.write_text(json.dumps(json.loads(spec.read_text()) | {"data_digest": "f" * 64}))
    with pytest.raises(MedhashError, match=f"{METHOD}.parquet comes from another model than"):
        retrievals(run_in(workspace))


def test_with_neither_the_page_says_that_it_does_not_know(made: Workspace, tmp_path: Path) -> None:
    workspace = without_image_codes(made, tmp_path / "run")
    (workspace.model(METHOD) / "model.json").unlink()
    text = Page(report(workspace.root)).text
    assert "The matching images are not known" in text
    assert "matches image" not in text
    assert "attention" not in text.replace(METHOD, "").split("Glossary Code")[0]


def test_attention_stands_under_each_image_and_is_whole(made: Workspace, page: Page) -> None:
    shown = retrievals(run_in(made))
    assert shown["weighs"]
    for example in shown["good"] + shown["bad"]:
        for tile in (example["query"], *example["neighbours"]):
            weights = [image["weight"] for image in tile["images"]]
            assert sum(weights) == pytest.approx(100, abs=0.01)
            assert len(set(weights)) > 1
    assert "its attention: its share in the code of its case" in page.text


def test_cases_are_called_cases_and_counted_with_their_sizes(made: Workspace, page: Page) -> None:
    assert "6 test cases search 24 cases of other patients in the train and val folds" in page.text
    assert "6 cases of test patients are the queries. Each ranks 24 gallery cases" in page.text
    assert "Cases bags, one per patient, of images" in page.text
    folds = data_cards(run_in(made))["folds"]
    assert [(row["n_cases"], row["n_images"], row["n_patients"], row["sizes"]) for row in folds] == [
        (18, 48, 6, "3 (2–3)"),
        (6, 16, 2, "3 (2–3)"),
        (6, 16, 2, "3 (2–3)"),
    ]
    assert "train 18 3 (2–3) 48 6" in page.text
    assert page.images_without_words == 0


def test_precision_of_the_nearest_stands_beside_chance_and_per_label(made: Workspace, page: Page) -> None:
    metrics = run_in(made).metrics[METHOD]
    for figures in (metrics.figures, metrics.chance):
        assert f"{figures.precision_at_1:.3f} {figures.precision_at_5:.3f} / {figures.precision_at_10:.3f}" in page.text
    mass = metrics.slices["label"]["Mass"]
    assert f"{mass.chance_map:.3f} {mass.precision_at_10:.3f} {mass.ndcg_at_100:.3f}" in page.text


def test_of_many_images_six_are_shown_with_the_one_that_matched(tmp_path: Path) -> None:
    workspace = run_of_bags(tmp_path / "run", images_per_bag=8)
    run = run_in(workspace)
    pictured, bag_id = Pictured(run, read_codes(workspace.codes(METHOD))), run.labels["bag_id"][0].as_py()
    tile = pictured.tile(bag_id, [7])
    assert [image["number"] for image in tile["images"]] == [1, 2, 3, 4, 5, 8]
    assert [image["is_match"] for image in tile["images"]] == [False] * 5 + [True]
    assert (tile["n_more"], tile["n_images"]) == (2, 8)
    assert '<span class="more">+ 2</span>' in render_page(run, run_plots(run))


def test_the_glossary_speaks_of_bags_only_where_there_are_any() -> None:
    of_images, of_bags = dict(glossary(has_bags=False)), dict(glossary(has_bags=True))
    assert {"Case, or bag", "Instance", "Pooling"} == of_bags.keys() - of_images.keys() - {"Attention"}
    assert {"P@1, P@5, P@10"} <= of_images.keys()
    assert not any("case" in meaning for term, meaning in of_images.items() if term != "Gate")
    assert not any("{" in meaning for meaning in [*of_images.values(), *of_bags.values()])
