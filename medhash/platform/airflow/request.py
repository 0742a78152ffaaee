"""The request of one run, from Airflow's form or by REST: how to promote, whether to accept drift."""

from collections.abc import Mapping
from typing import Any

from medhash.core.errors import MedhashError

_LONGEST = 500
"""Characters of a reason or a name, as in `medhash promote`."""
_NOBODY = ("Anonymous", "dag_test")
"""Airflow's names for a user without login, and under `airflow dags test`."""
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
        "description": "How this run's best model becomes the champion. Force still stops at a failed gate. It needs "
        "a reason and a name.",
    },
    "accept_drift": {
        "default": False,
        "type": "boolean",
        "title": "Accept drift",
        "description": "Accept images further from the champion's training data than drift.stop allows, from now "
        "on. Needs a reason.",
    },
    "reason": {
        "default": None,
        "type": ["null", "string"],
        "maxLength": _LONGEST,
        "title": "Reason",
        "description": "Why you force, or accept drift, in one line. Kept in MLflow and in the audit log: name no "
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
    """The answers of one run to the form."""

    def __init__(self, answers: Mapping[str, Any], user: str | None = None) -> None:
        """user: the account that started the run; None if a schedule or the archive watch did.

        Raises MedhashError if an answer needs another one, so that the run ends before it computes anything.
        """
        self._promotion = answers.get("promotion") or "rule"
        self._accept_drift = bool(answers.get("accept_drift"))
        self._reason = (answers.get("reason") or "").strip()
        self._by = (answers.get("by") or "").strip() or (user if user not in _NOBODY else None) or ""
        wants = [
            name
            for name, wanted in (("promotion: force", self._promotion == "force"), ("accept_drift", self._accept_drift))
            if wanted
        ]
        if wants and not self._reason:
            raise MedhashError(
                f"{' and '.join(wants)} needs `reason`",
                "start the run again with a reason in that field",
            )
        if wants and not self._by:
            raise MedhashError(
                f"{' and '.join(wants)} needs `by`",
                "start the run again with your name in that field",
            )
        if not (self._reason + self._by).isprintable():
            raise MedhashError("`reason` and `by` must be one line each", "start the run again without line breaks")

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
