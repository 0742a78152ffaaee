"""The decision of a run's promotion, as the run's note and the notifications tell it."""

from pathlib import Path

from components.promote.latest import Latest
from components.workspace import Workspace

DECISION = "decision"
"""XCom of the task `promote`: the document Latest."""


class Decision(Latest):
    """What `medhash promote` wrote down last."""

    def note(self) -> str:
        """In a few lines: which version, promoted or not, why, and which clauses did not hold."""
        name = f"{self.model} version {self.version}" if self.version is not None else self.model
        clauses = f"\nfailed: {', '.join(self.failed_clauses)}" if self.failed_clauses else ""
        renewed = f"\n{self.renewed}" if self.renewed else ""
        return f"{name}: {self.outcome}{clauses}\n{self.why}{renewed}"

    @property
    def champion(self) -> str | None:
        """The version that is the champion by this decision; None: the one from before."""
        return self.version if self.promoted or self.outcome == "champion already" else None


def age_of_decision(root: Path) -> int | None:
    """When the last decision was written down, nanoseconds; None: never. It tells whether a run made one."""
    path = _path(root)
    return path.stat().st_mtime_ns if path.exists() else None


def read_decision(root: Path) -> Decision:
    return Decision.read(_path(root))


def _path(root: Path) -> Path:
    return Workspace(root).decisions / "latest.json"
