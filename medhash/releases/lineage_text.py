"""A trace as lines to read."""

from medhash.releases.lineage import ImageTrace, Origins, Today, Trace
from medhash.releases.registry import ROLLED_BACK
from medhash.releases.rollback import RolledBack

_UNKNOWN = "not known"
_SEVERAL = "several: the images of a case"


def image_as_text(trace: ImageTrace) -> str:
    lines = [f"image {trace.image_id}", *_block({"today": _today(trace.today)})]
    lines += [text for found in trace.releases for text in ("", release_as_text(found))]
    if not trace.releases:
        lines += ["", "no release holds it"]
    for origins in trace.unread:
        lines += ["", f"{origins.model} version {origins.version} cannot say whether it holds it: {origins.problem}"]
    return "\n".join(lines)


def release_as_text(trace: Trace) -> str:
    origins, held = trace.origins, trace.held
    run = origins.mlflow_run
    facts = {
        "held as": f"{held.role}, fold {held.fold}" if held else None,
        "source file": (f"SHA-256 {held.sha256}" if held.sha256 else _SEVERAL) if held else None,
        "cannot be read": origins.problem,
        "registered": origins.registered_at,
        "decision": " — ".join(filter(None, [origins.decision or _UNKNOWN, origins.why])),
        "decided by": origins.decided_by or f"{_UNKNOWN} to the audit log here",
        "replaced": f"version {origins.predecessor}" if origins.predecessor else None,
        "model of": f"version {origins.renews}, with another gallery" if origins.renews else None,
        "remade from": (
            f"version {origins.scrubbed_from}, without images that were withdrawn or forgotten since"
            if origins.scrubbed_from
            else None
        ),
        "rolled back": str(RolledBack.of_tag(ROLLED_BACK, origins.rolled_back)) if origins.rolled_back else None,
        "model": origins.model_digest,
        "codes": origins.codes_digest,
        "index": origins.index_digest,
        "trained on tables": origins.data_digest,
        "git commit": origins.git_commit,
        "dvc.lock": origins.dvc_lock,
        "decoder": origins.decoder,
        "settings": f"{origins.params} (SHA-256 {origins.params_digest})" if origins.params else None,
        "MLflow run": f"{run.run_id}, {run.name or 'which is gone'}"
        + (f", of experiment {run.experiment}" if run.experiment else "")
        if run
        else _UNKNOWN,
        "Airflow run": origins.airflow_run or "none: not registered by a scheduled run",
    }
    return "\n".join([_name(origins), *_block({key: text for key, text in facts.items() if text is not None})])


def _name(origins: Origins) -> str:
    aliases = f" ({', '.join(origins.aliases)})" if origins.aliases else ""
    return f"{origins.model} version {origins.version}{aliases}: {origins.method or 'method not known'}"


def _today(today: Today | None) -> str:
    if today is None:
        return "there are no tables in this checkout"
    if not today.in_tables:
        return "not in the tables of this checkout any more"
    digest = f", SHA-256 {today.sha256}" if today.sha256 else ""
    return f"in the tables of this checkout, fold {today.fold or _UNKNOWN}{digest}"


def _block(facts: dict[str, str]) -> list[str]:
    return [f"  {key + ':':<19}{text}" for key, text in facts.items()]
