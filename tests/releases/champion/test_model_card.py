"""The model card of a registered version stands in its description and on its run, with figures beside baselines."""

from releases.champion.registered import registry_of

from medhash.core.documents import Metrics
from medhash.releases.model_card import model_card
from medhash.releases.registry import CARD_FILE, CHAMPION, REGISTERED_BY


def test_a_version_carries_its_card_its_figures_and_who_registered_it(workspace, tmp_path):
    from mlflow.artifacts import load_text

    registry = registry_of(workspace)
    version = registry.version_of(CHAMPION)
    folder = registry.fetch(version, tmp_path / "fetched")
    figures = Metrics.read(folder / "metrics.json")
    assert version.description == model_card(folder)
    assert len(version.description) < 5000  # as much as MLflow keeps
    run = registry.client.get_run(version.run_id)
    assert load_text(f"{run.info.artifact_uri}/{CARD_FILE}") == version.description
    assert version.tags["test_map"] == f"{figures.figures.map:.6f}"
    assert version.tags["test_lift_low"] == f"{figures.seen.lift.low:.6f}"
    assert version.tags["test_map_chance"] == f"{figures.chance.map:.6f}"
    assert version.tags[REGISTERED_BY]


def test_the_card_names_baselines_limits_and_licence_but_no_path(workspace, tmp_path):
    registry = registry_of(workspace)
    folder = registry.fetch(registry.version_of(CHAMPION), tmp_path / "fetched")
    figures = Metrics.read(folder / "metrics.json")
    card = model_card(folder)
    assert f"{figures.figures.map:.3f}" in card
    assert f"| {figures.chance.map:.3f} | {figures.seen.map_permuted:.3f} |" in card
    assert f"{figures.seen.n_patients} test patients stand behind it" in card
    assert f"| lift, unseen gallery | {figures.unseen.lift.value:.3f} |" in card
    for heading in ("Method", "Data", "Figures", "Intended use", "Limits", "Licence"):
        assert f"## {heading}" in card
    assert str(tmp_path) not in card
    assert "without initial weights" in card
