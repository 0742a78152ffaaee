"""Promotion from end to end: gates, challenger, release, registered version, decision, aliases."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from components import tracking
from components.documents import Metrics
from components.params import Params
from components.promote.account import account
from components.promote.assemble import build_release
from components.promote.desk import desk
from components.promote.gates import require_gates
from components.promote.registry import CHALLENGER, CHAMPION, Registry
from components.promote.release import Release, check_release
from components.promote.rivals import Score, pick_challenger, score_champion
from components.promote.rule import Decision, decide
from components.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


def promote(workspace: Workspace, params: Params) -> str:
    """Register the run's best model and move the alias `champion` to it if it is better; returns the account.

    The alias moves last, in one step: whenever this is cut off, the old champion serves, and running it again
    finishes the work with the version that is registered already. Raises MedhashError, before anything is
    registered, if a gate did not pass or the parts of the challenger do not belong together.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")        # read by MLflow as it is imported
    require_gates(workspace)
    metrics = pick_challenger(workspace, [name for name in params.methods if name not in params.quality.references])
    with tracking.answered():
        registry = Registry(tracking.connect(workspace), params.promote.name)
    with tracking.answered(), desk(workspace, registry) as folder:
        release = build_release(workspace, params, metrics.method, folder / "release")
        champion = registry.version_of(CHAMPION)
        if champion is not None and champion.tags.get("model_digest") == release.model_digest:
            return (f"{registry.name}: version {champion.version} ({release.method}) is the champion already: "
                    "this run's best model is the same. Nothing to do.")
        version = registry.find(release) or _register(workspace, registry, release, folder / "release")
        check_release(registry.fetch(version, folder / "registered"))
        registry.point(CHALLENGER, version)

        rival: Score | None = None
        if champion is not None:
            champion_release = registry.fetch(champion, folder / "champion")
            check_release(champion_release)
            rival = score_champion(workspace, params, champion_release, metrics)
        decision = decide(metrics.figures.map, metrics.chance.map, rival.map if rival else None,
                          params.promote.min_gain)
        text = account(registry.name, version, metrics, champion, rival, decision)
        registry.tag(version, _tags(metrics, rival, decision))
        registry.client.log_text(str(version.run_id), text, f"promotion/version-{version.version}.md")
        if decision.promote:
            registry.crown(version)
    return text


def _register(workspace: Workspace, registry: Registry, release: Release, folder: Path) -> "ModelVersion":
    """A new version under the run that trained the model; under a run of its own if it was trained elsewhere."""
    run_id = tracking.find_run(release.model_digest)
    if run_id is None:
        experiment_id = tracking.experiment(registry.client, workspace, registry.name)
        tags = {"method": release.method, "model_digest": release.model_digest}
        run_id = registry.client.create_run(experiment_id, run_name=f"promote {release.method}", tags=tags).info.run_id
    return registry.register(release, folder, run_id)


def _tags(metrics: Metrics, rival: Score | None, decision: Decision) -> dict[str, str]:
    tags = {"decision": "promoted" if decision.promote else "not promoted", "why": decision.why,
            "map": f"{metrics.figures.map:.6f}", "chance": f"{metrics.chance.map:.6f}",
            "validation_map": f"{metrics.validation_map:.6f}"}
    return tags | ({"champion_map": f"{rival.map:.6f}"} if rival else {})
