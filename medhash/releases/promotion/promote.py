"""Promotion from end to end: gates, challenger, release, registered version, evidence, decision, aliases."""

import os
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from medhash.core import tracking
from medhash.core.errors import MedhashError
from medhash.core.params import Params
from medhash.core.tracking import AIRFLOW_RUN_VARIABLE
from medhash.core.workspace import Workspace
from medhash.releases.assemble import build_release
from medhash.releases.hold import held
from medhash.releases.promotion.challenger import pick_challenger
from medhash.releases.promotion.clauses import not_held, not_rolled_back
from medhash.releases.promotion.decision import decision_report
from medhash.releases.promotion.decision_text import decision_text
from medhash.releases.promotion.evidence import Evidence, gather
from medhash.releases.promotion.gates import require_gates
from medhash.releases.promotion.latest import Latest, write_latest
from medhash.releases.promotion.query_groups import Turn, decision_name, read_query_usage, turn_of, with_decision
from medhash.releases.promotion.recording import (
    record_aborted,
    record_decision,
    refusing,
    require_unchanged,
)
from medhash.releases.promotion.renewal import renew_champion
from medhash.releases.promotion.rule import decide, measured_clauses
from medhash.releases.registry import CHALLENGER, CHAMPION, ROLLED_BACK, Registry
from medhash.releases.release import Release
from medhash.releases.request import UserRequest
from medhash.releases.rollback import RolledBack
from medhash.releases.staging import staging
from medhash.retrieval.evaluation.headline import by_validation

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


def promote(
    workspace: Workspace,
    params: Params,
    *,
    force: UserRequest | None = None,
    dry_run: bool = False,
    today: date | None = None,
) -> str:
    """Register the run's best model and move the alias `champion` to it if the rule says so; returns the decision text.

    force: who promotes whatever the rule says, and why. dry_run: decide, and write nothing down. today: whose turn it
    is to ask; UTC's date by default.
    The alias moves last, in one step. If this is cut off, the old champion serves, and running it again finishes the
    work with the version that is already registered. Raises MedhashError, before anything is
    registered, if a gate did not pass or the parts of the challenger do not belong together; and later if the
    champion's release cannot be read (unless forced), or another champion was made in the meantime.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # read by MLflow as it is imported
    limits = params.promote

    def required(clause: str) -> AbstractContextManager[None]:
        return refusing(workspace, limits.name, clause, dry_run)

    with required("gates"):
        gates = require_gates(workspace)
    metrics = pick_challenger(
        workspace, params, [name for name in params.methods if name not in params.quality.references]
    )
    with tracking.answered():
        registry = Registry(tracking.connect(workspace), limits.name)
    with tracking.answered(), staging(workspace, registry) as folder:
        with required("parts"):
            release = build_release(workspace, params, metrics.method, folder / "release")
        champion = registry.version_of(CHAMPION)
        if champion is not None and _serves_already(registry, champion, release, folder / "already", force):
            return _nothing_to_do(workspace, registry, champion, dry_run)
        version, challenger = registry.find(release), folder / "release"
        if not dry_run:
            if version is None or (champion is not None and version.version == champion.version):
                version = _register(workspace, registry, release, folder / "release")
            with required("parts"):
                challenger, _ = registry.fetch_checked(version, folder / "registered")
            registry.point(CHALLENGER, version)

        before = read_query_usage(workspace)
        turn = turn_of(today or datetime.now(UTC).date(), limits.query_groups, limits.query_group_days, before)
        with required("champion"):
            evidence = _evidence(workspace, params, challenger, registry, champion, folder / "champion", turn, force)
        clauses = [
            gates,
            not_held(held(registry)),
            not_rolled_back(_rolled_back(version)),
            *measured_clauses(evidence, params, champion is not None),
        ]
        decision = decide(clauses, force)
        number = str(version.version) if version is not None else "new"
        usage = with_decision(before, evidence.comparison.patients, decision_name(registry.name, number, turn))
        met = (str(champion.version), champion.tags.get("method", "unknown method")) if champion else None
        report = decision_report(
            number,
            release,
            met,
            decision,
            evidence,
            limits,
            turn,
            usage,
            params.seed,
            params.choose_by,
            by_validation({metrics.method: metrics}, params).get(metrics.method),
            os.environ.get(AIRFLOW_RUN_VARIABLE),
        )
        if dry_run or version is None:
            return decision_text(report) + "dry run: nothing was written down\n"
        if decision.promote:
            with required("champion"):
                require_unchanged(registry, champion, force)
        report = record_decision(workspace, registry, version, report, usage, force)
        if decision.promote:
            _move_alias(workspace, registry, version, champion, force)
        latest = Latest(
            model=registry.name,
            version=number,
            promoted=decision.promote,
            outcome=decision.outcome,
            why=decision.why,
            failed_clauses=decision.failed,
        )
        write_latest(workspace, latest)
        renewal = None
        # The champion stays: it may still lack today's images, or hold what was withdrawn.
        if champion and evidence.champion and limits.renew and not decision.promote and held(registry) is None:
            renewal = renew_champion(workspace, params, registry, champion, evidence.champion, folder / "renewal")
        if renewal is not None:
            write_latest(workspace, latest.model_copy(update={"renewed": renewal.summary}))
    return decision_text(report, renewal)


def _serves_already(
    registry: Registry, champion: "ModelVersion", release: Release, folder: Path, force: UserRequest | None
) -> bool:
    """Whether the champion is this model. One that cannot be read may be replaced, by force, by a copy of itself."""
    if any(champion.tags.get(key) != release.tags()[key] for key in ("model_digest", "format")):
        return False
    if force is not None:
        try:
            registry.fetch_checked(champion, folder)
        except MedhashError:
            return False
    return True


def _nothing_to_do(workspace: Workspace, registry: Registry, champion: "ModelVersion", dry_run: bool) -> str:
    """The text where the run's best model serves already, as after a run that was cut off at its very end."""
    run = os.environ.get(AIRFLOW_RUN_VARIABLE)
    why = "this run's best model is the champion already"
    if not dry_run:
        write_latest(
            workspace,
            Latest(
                model=registry.name,
                version=str(champion.version),
                why=why,
                failed_clauses=[],
                promoted=run is not None and champion.tags.get("airflow_run") == run,
                outcome="champion already",
            ),
        )
    return (
        f"{registry.name}: version {champion.version} ({champion.tags.get('method')}) is the champion already: "
        "this run's best model is the same. Nothing to do.\n"
    )


def _evidence(
    workspace: Workspace,
    params: Params,
    challenger: Path,
    registry: Registry,
    champion: "ModelVersion | None",
    folder: Path,
    turn: Turn,
    force: UserRequest | None,
) -> Evidence:
    """What was measured; of a champion that cannot be read or compared, only why, and only if it is forced out."""
    if champion is None:
        return gather(workspace, params, challenger, None, turn)
    try:
        released, _ = registry.fetch_checked(champion, folder)
        return gather(workspace, params, challenger, released, turn)
    except MedhashError as error:
        if force is None:
            also = (
                ""
                if "--force" in error.fix
                else ("; or `medhash promote --force --reason …` puts this run's best model in the champion's place")
            )
            raise MedhashError(error.problem, error.fix + also) from error
        return replace(gather(workspace, params, challenger, None, turn), not_compared=error.problem)


def _rolled_back(version: "ModelVersion | None") -> UserRequest | None:
    text = version.tags.get(ROLLED_BACK) if version is not None else None
    return RolledBack.of_tag(ROLLED_BACK, text) if text is not None else None


def _move_alias(
    workspace: Workspace,
    registry: Registry,
    version: "ModelVersion",
    champion: "ModelVersion | None",
    force: UserRequest | None,
) -> None:
    try:
        require_unchanged(registry, champion, force)
        registry.promote(version)
    except MedhashError as error:
        record_aborted(workspace, registry, version, error.problem)
        raise


def _register(workspace: Workspace, registry: Registry, release: Release, folder: Path) -> "ModelVersion":
    """A new version under the run that trained the model; under a run of its own if it was trained elsewhere."""
    run_id = tracking.find_run(release.model_digest)
    if run_id is None:
        experiment_id = tracking.experiment(registry.client, workspace, registry.name)
        tags = {"method": release.method, "model_digest": release.model_digest}
        run_id = registry.client.create_run(experiment_id, run_name=f"promote {release.method}", tags=tags).info.run_id
    return registry.register(release, folder, run_id)
