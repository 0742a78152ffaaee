"""The rules that fire, from a fuzzy model as it lies on disk."""

from pathlib import Path

import pytest
from report.measured import write_metrics
from report.structured_run import FIGURES, LABELS, VOCABULARY, structured_workspace

from components.report.fired_rules import fired_rules
from components.report.run import Run, read_run
from medhash.core.documents import ModelSpec, SubCode
from medhash.core.errors import MedhashError
from medhash.core.params import load_params
from medhash.core.workspace import Workspace
from medhash.hashing.layout import Layout
from medhash.hashing.model import save_model
from medhash.hashing.networks.build import build_network

METHOD = "structured-fuzzy"
NETWORK: dict[str, str | int | float] = {
    "kind": "residual",
    "depth": 18,
    "width": "paper",
    "stem": "small",
    "code_norm": "batch",
    "encoders": "shared",
    "inference": "fuzzy",
}
RULES = [0, 1, 2]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """With random weights for a fuzzy network over 32 px images, 12 + 10 + 10 bits."""
    import torch

    made = structured_workspace(tmp_path_factory.mktemp("fuzzy"), n_patients=15)
    parts = [
        SubCode(name=attribute.name, start=start, stop=stop)
        for attribute, start, stop in zip(VOCABULARY.attributes, (0, 12, 22), (12, 22, 32), strict=True)
    ]
    torch.manual_seed(0)
    network = build_network(
        NETWORK, 32, size_px=32, layout=Layout(tuple(parts), tuple(VOCABULARY.attributes), tuple(RULES))
    )
    spec = ModelSpec(
        method=METHOD,
        family="deep",
        bits=32,
        input="pixels",
        coder="",
        size_px=32,
        network=NETWORK,
        settings={},
        sub_codes=parts,
        labels=LABELS,
        attributes=VOCABULARY.attributes,
        rules=RULES,
        data_digest="0" * 64,
        weights_sha256="",
    )
    digest = save_model(made.model(METHOD), spec, network.state_dict())
    write_metrics(made, METHOD, 32, digest, structured=FIGURES[METHOD])
    return made


def run_in(workspace: Workspace) -> Run:
    return read_run(workspace, load_params(workspace.root / "params.yaml"))


def test_test_cases_are_told_with_the_rules_of_the_model_and_memberships_that_add_up(workspace: Workspace) -> None:
    run = run_in(workspace)
    told = fired_rules(run)
    assert told is not None
    assert (told["method"], told["n_rules"], len(told["examples"])) == (METHOD, 3, 6)
    folds = dict(zip(run.labels["bag_id"].to_pylist(), run.labels["fold"].to_pylist(), strict=True))
    for example in told["examples"]:
        assert folds[example["bag_id"]] == "test"
        assert example["uri"].startswith("data:image/png")
        for attribute in example["attributes"]:
            assert sum(one["share"] for one in attribute["memberships"]) == pytest.approx(1, abs=1e-5)
        assert example["rules"][0]["text"].startswith("IF modality is ")
        assert 1 / 3 <= example["rules"][0]["level"] <= 1
    assert fired_rules(run) == told


def test_a_case_s_own_values_are_those_of_its_labels(workspace: Workspace) -> None:
    run = run_in(workspace)
    told = fired_rules(run)
    assert told is not None
    names, values = run.names_of_sets(), {attribute.name: attribute for attribute in VOCABULARY.attributes}
    set_of = dict(zip(run.labels["bag_id"].to_pylist(), run.labels["set_id"].to_pylist(), strict=True))
    for example in told["examples"]:
        labels = [LABELS.index(label) for label in names[set_of[example["bag_id"]]]]
        for attribute in example["attributes"]:
            known = values[attribute["name"]]
            own = {known.values[place] for label in labels if (place := known.of_label[label]) is not None}
            assert {one["value"] for one in attribute["memberships"] if one["is_true"]} == own


def test_a_model_that_was_not_measured_is_refused(workspace: Workspace) -> None:
    run = run_in(workspace)
    other = run.metrics[METHOD].model_copy(update={"model_digest": "f" * 64})
    with pytest.raises(MedhashError, match=f"the figures of {METHOD} come from another model"):
        fired_rules(Run(**vars(run) | {"metrics": run.metrics | {METHOD: other}}))


def test_without_pixels_or_a_fuzzy_model_there_is_nothing_to_tell(workspace: Workspace, tmp_path: Path) -> None:
    run = run_in(workspace)
    assert fired_rules(Run(**vars(run) | {"specs": {}})) is None
    assert fired_rules(Run(**vars(run) | {"workspace": Workspace(tmp_path)})) is None
