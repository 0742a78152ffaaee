"""Whether a person stands in the way: a hold on the champion, or a version that was rolled back."""

from components.champion.act import Act
from components.promote.clauses.clause import Clause


def not_held(hold: Act | None) -> Clause:
    """Nobody holds the champion."""
    if hold is None:
        return Clause("not-held", True, "nobody holds the champion")
    return Clause(
        "not-held",
        False,
        f"the champion is held, {hold}",
        "`medhash hold --lift` ends the hold; then run `medhash promote` again",
    )


def not_rolled_back(rolled_back: Act | None) -> Clause:
    """The version was not left by a rollback."""
    if rolled_back is None:
        return Clause("not-rolled-back", True, "the version was never rolled back")
    return Clause(
        "not-rolled-back",
        False,
        f"the version was rolled back, {rolled_back}",
        "train another model, with new data or other settings; or `medhash promote --force --reason …`",
    )
