"""Writing a decision down, in an order that a kill at any write leaves to be finished by the same command."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from medhash.core.errors import MedhashError
from medhash.core.files import replacing_file
from medhash.core.workspace import Workspace
from medhash.releases.audit import append_once, requester
from medhash.releases.hold import held
from medhash.releases.promotion.decision import DecisionReport
from medhash.releases.promotion.decision_page import render_page
from medhash.releases.promotion.decision_text import decision_text
from medhash.releases.promotion.latest import Latest, write_latest
from medhash.releases.promotion.query_groups import QueryUsage, write_query_usage
from medhash.releases.registry import CHAMPION, Registry
from medhash.releases.request import UserRequest

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


@contextmanager
def refusing(workspace: Workspace, model: str, clause: str, dry_run: bool) -> Iterator[None]:
    """Record a refusal, in the audit log and latest.json, when the block raises MedhashError, and pass the error on.

    clause: what could not be met, such as `gates`. A dry run leaves nothing.
    """
    try:
        yield
    except MedhashError as error:
        if not dry_run:
            append_once(workspace, "refuse", {"model": model, "failed": [clause], "why": error.problem})
            write_latest(
                workspace,
                Latest(
                    model=model,
                    version=None,
                    promoted=False,
                    outcome="not promoted",
                    why=error.problem,
                    failed_clauses=[clause],
                ),
            )
        raise


_LONGEST_TAG = 4000
"""MLflow takes 5,000 characters."""


def record_decision(
    workspace: Workspace,
    registry: Registry,
    version: "ModelVersion",
    report: DecisionReport,
    usage: QueryUsage,
    force: UserRequest | None,
) -> DecisionReport:
    """Write all that a decision leaves but the alias; returns the report with the digest of its audit line.

    Order: query usage, audit line, pages, tags. Each write is the same when it is repeated, so a run that was cut off
    is finished by running it again.
    """
    write_query_usage(workspace, usage)
    act = "force" if report.outcome == "forced" else "promote" if report.promoted else "refuse"
    stamped = report.stamped(append_once(workspace, act, _what(report, force), force.who if force else None).digest)
    texts = {
        "md": decision_text(stamped),
        "html": render_page(stamped),
        "json": json.dumps(stamped.model_dump(mode="json"), indent=1, sort_keys=True) + "\n",
    }
    for ending, text in texts.items():
        registry.client.log_text(str(version.run_id), text, f"promotion/version-{version.version}.{ending}")
    with replacing_file(workspace.decisions / f"version-{version.version}.html") as temporary:
        temporary.write_text(texts["html"], encoding="utf-8")
    registry.tag(version, _tags(stamped))
    return stamped


def require_unchanged(registry: Registry, champion: "ModelVersion | None", force: UserRequest | None) -> None:
    """Raise MedhashError if the champion is no longer the one that was compared, or somebody holds it by now."""
    now = registry.version_of(CHAMPION)
    before, after = (found.version if found is not None else None for found in (champion, now))
    if before != after:
        raise MedhashError(
            f"the champion changed while the challenger was compared with it: it was version {before}, "
            f"now it is version {after}",
            "run `medhash promote` again: it compares with the new one",
        )
    if force is None and held(registry) is not None:
        raise MedhashError(
            "the champion was put on hold while the challenger was compared with it",
            "`medhash hold --lift` ends the hold; then run `medhash promote` again",
        )


def record_aborted(workspace: Workspace, registry: Registry, version: "ModelVersion", problem: str) -> None:
    """Say of a version that was to be promoted that it was not."""
    line = append_once(
        workspace,
        "refuse",
        {"model": registry.name, "version": str(version.version), "failed": ["champion"], "why": problem},
    )
    registry.tag(
        version,
        {"decision": "not promoted", "failed_clauses": "champion", "why": problem[:_LONGEST_TAG], "audit": line.digest},
    )
    write_latest(
        workspace,
        Latest(
            model=registry.name,
            version=str(version.version),
            promoted=False,
            outcome="not promoted",
            why=problem,
            failed_clauses=["champion"],
        ),
    )


def _what(report: DecisionReport, force: UserRequest | None) -> dict[str, Any]:
    """The details in the audit log; nothing that differs when the same decision is made again."""
    what: dict[str, Any] = {
        "model": report.model,
        "version": report.version,
        "method": report.method,
        "against": report.champion_version,
        "turn": report.turn,
        "failed": report.failed,
        "evaluation_digest": report.evaluation_digest,
    }
    if report.gain is not None:
        what["gain"] = [round(value, 6) for value in (report.gain.value, report.gain.low, report.gain.high)]
    if force is not None:
        what |= {"reason": force.reason, "account": requester()}
    return what


def _tags(report: DecisionReport) -> dict[str, str]:
    texts = {
        "decision": report.outcome,
        "why": report.why[:_LONGEST_TAG],
        "failed_clauses": ", ".join(report.failed),
        "turn": str(report.turn),
        "decision_digest": report.evaluation_digest,
        "forced_by": report.by,
        "reason": report.reason,
    }
    figures = {
        "lift": report.challenger_lift.value if report.challenger_lift else None,
        "lift_low": report.challenger_lift.low if report.challenger_lift else None,
        "map": report.challenger_map,
        "map_permuted": report.challenger_permuted,
        "chance": report.chance,
        "champion_lift": report.champion_lift.value if report.champion_lift else None,
        f"validation_{report.chosen_by}": report.validation,
        "p95_ms": report.p95_ms,
    }
    if report.gain is not None:
        figures |= {"gain": report.gain.value, "gain_low": report.gain.low, "gain_high": report.gain.high}
    tags = {key: text for key, text in texts.items() if text is not None}
    tags |= {key: f"{value:.6f}" for key, value in figures.items() if value is not None}
    return tags | {"audit": str(report.audit)}
