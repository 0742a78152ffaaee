"""What may be asked of one run, in Airflow's form or by REST: how to promote, whether to let drifted images pass."""

from collections.abc import Mapping
from typing import Any

from medhash.core.errors import MedhashError

_LONGEST = 500
"""Characters of a reason or a name, as `medhash promote` takes them."""
_NOBODY = ("Anonymous", "dag_test")
"""What Airflow calls whoever asks where nobody logs in, and under `airflow dags test`."""
FORM: dict[str, dict[str, Any]] = {
    "promotion": {
        "default": "rule",
        "type": "string",
        "enum": ["rule", "force", "dry-run"],
        "title": "Promotion",
        "values_display": {
            "rule": "by the rule",
            "force": "force: whatever the rule says",
            "dry-run": "dry run: decide, and change nothing",
        },
        "description": "How this run's best model becomes the champion. Force still stops at a failed gate, and needs "
        "a reason and a name.",
    },
    "accept_drift": {
        "default": False,
        "type": "boolean",
        "title": "Accept drift",
        "description": "Let images pass that lie further from the champion's training data than drift.stop allows, "
        "from now on. Needs a reason.",
    },
    "reason": {
        "default": None,
        "type": ["null", "string"],
        "maxLength": _LONGEST,
        "title": "Reason",
        "description": "Why you force, or accept drift, in one line. Kept in MLflow and in the audit log; name no "
        "patient.",
    },
    "by": {
        "default": None,
        "type": ["null", "string"],
        "maxLength": _LONGEST,
        "title": "Your name",
        "description": "Who forces, or accepts drift. Kept with the reason. Empty: who started the run in Airflow.",
    },
}
"""Name → default, description and JSON schema, as airflow.sdk.Param takes them."""


class Request:
    """One run's answers to the form."""

    def __init__(self, answers: Mapping[str, Any], asker: str | None = None) -> None:
        """asker: the account that started the run; None where a schedule or the watch did.

        Raises MedhashError where an answer needs another one, so that a run ends before anything is computed.
        """
        self._promotion = answers.get("promotion") or "rule"
        self._accept_drift = bool(answers.get("accept_drift"))
        self._reason = (answers.get("reason") or "").strip()
        self._by = (answers.get("by") or "").strip() or (asker if asker not in _NOBODY else None) or ""
        wants = [
            name
            for name, wanted in (("promotion: force", self._promotion == "force"), ("accept_drift", self._accept_drift))
            if wanted
        ]
        if wants and not self._reason:
            raise MedhashError(
                f"the run was asked for {' and '.join(wants)} without a reason",
                "start it again, and say why in the field reason",
            )
        if wants and not self._by:
            raise MedhashError(
                f"the run was asked for {' and '.join(wants)}, and nobody's name stands with it",
                "start it again, and give your name in the field by",
            )
        if not (self._reason + self._by).isprintable():
            raise MedhashError("reason and by are one line each", "start the run again without line breaks")

    @property
    def is_dry_run(self) -> bool:
        return self._promotion == "dry-run"

    def promote_arguments(self) -> list[str]:
        """The options of `medhash promote`."""
        if self._promotion == "force":
            return ["--force", "--reason", self._reason, "--by", self._by]
        return ["--dry-run"] if self.is_dry_run else []

    def drift_arguments(self) -> list[str]:
        """The options of `medhash drift`."""
        return ["--accept", "--reason", self._reason, "--by", self._by] if self._accept_drift else []
