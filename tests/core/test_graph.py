"""dvc.yaml is read as DVC reads it, names the workspace's paths, and lets nothing past a gate."""

from pathlib import Path

import pytest
import yaml
from checkout import REPOSITORY

from components.quality.passes import OF_METHODS
from medhash.core.errors import MedhashError
from medhash.core.graph import GATE, PLAN, Stage, read_graph
from medhash.core.own_code import PACKAGES
from medhash.core.workspace import Workspace

GRAPH = {stage.name: stage for stage in read_graph(REPOSITORY)}
PARAMS = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
METHODS, KINDS = PARAMS["methods"], PARAMS["features"]


def waits_for(stage: Stage) -> set[str]:
    return set(stage.upstream).union(*(waits_for(GRAPH[name]) for name in stage.upstream))


def test_items_paths_and_order_are_those_that_dvc_itself_reads():
    from dvc.repo import Repo

    repo = Repo(str(REPOSITORY))
    stages = {stage.name: stage for stage in repo.index.stages if stage.path.endswith("dvc.yaml")}
    assert set(stages) == {item for stage in GRAPH.values() for item in stage.items}
    for stage in GRAPH.values():
        theirs = [stages[item] for item in stage.items]
        assert set(stage.outs) == {out.def_path for one in theirs for out in one.outs}
        assert set(stage.deps) == {dep.def_path for one in theirs for dep in one.deps}
        before = {other.name.split("@")[0] for one in theirs for other in repo.index.graph.successors(one)}
        assert before - {stage.name} <= waits_for(stage)
        assert set(stage.upstream) <= before


def test_outputs_are_the_paths_of_the_workspace():
    workspace = Workspace(Path())
    stages = [name.removeprefix(GATE) for name in GRAPH if name.startswith(GATE)]
    expected = {
        workspace.images.parent,
        workspace.split,
        workspace.labels,
        workspace.label_sets,
        workspace.vocabulary,
        workspace.incomplete,
        workspace.similarity,
        *(path for kind in KINDS for path in (workspace.features(kind), workspace.features_info(kind))),
        workspace.report,
        workspace.report_plots,
        workspace.plan("any").parent,
        *(workspace.gate(stage) for stage in stages),
        *(workspace.passed(stage).with_suffix("" if stage in OF_METHODS else ".json") for stage in stages),
        *(
            path
            for method in METHODS
            for path in (
                workspace.model(method),
                workspace.codes(method),
                workspace.index(method),
                workspace.metrics(method) / "metrics.json",
                workspace.metrics(method) / "headline.json",
                workspace.metrics(method) / "queries.parquet",
            )
        ),
    }
    assert {Path(out) for stage in GRAPH.values() for out in stage.outs} == expected


@pytest.mark.parametrize("stage", GRAPH.values(), ids=GRAPH)
def test_every_dep_is_a_file_of_the_repository_or_an_output_before_it(stage):
    outs = [Path(out) for name in waits_for(stage) for out in GRAPH[name].outs]
    for dep in map(Path, stage.deps):
        known = (REPOSITORY / dep).exists() and not dep.is_relative_to("data/derived")
        assert known or any(dep == out or dep in out.parents or out in dep.parents for out in outs), dep


def test_every_stage_but_the_report_has_a_gate_and_its_readers_wait_for_it():
    gated = {name.removeprefix(GATE) for name in GRAPH if name.startswith(GATE)}
    assert gated == {name for name in GRAPH if not name.startswith(GATE)} - {PLAN, "report"}
    for stage in GRAPH.values():
        if stage.gated is None:
            for read in {name for name in waits_for(stage) if not name.startswith(GATE)} - {PLAN}:
                assert GATE + read in waits_for(stage), f"{stage.name} could read {read} past its gate"


def test_every_item_depends_on_its_own_plan_and_on_no_code():
    for stage in GRAPH.values():
        plans = {dep for dep in stage.deps if dep.startswith("data/derived/plan")}
        assert plans == (
            set() if stage.name == PLAN else {Workspace(Path()).plan(item).as_posix() for item in stage.items}
        )
        if stage.name != PLAN:
            assert not {dep for dep in stage.deps if dep.split("/")[0] in PACKAGES or dep == "params.yaml"}


def test_a_missing_key_and_a_wide_matrix_are_named(tmp_path):
    (tmp_path / "params.yaml").write_text("methods: [lsh]\n")
    (tmp_path / "dvc.yaml").write_text("stages: {a: {cmd: x, deps: ['${ingest.archive}']}}\n")
    with pytest.raises(MedhashError, match=r"ingest\.archive"):
        read_graph(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {a: {matrix: {m: '${methods}', n: '${methods}'}, cmd: x}}\n")
    with pytest.raises(MedhashError, match="2 names"):
        read_graph(tmp_path)
