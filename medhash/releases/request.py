"""A person's request to change the champion: who, when and why; and the registered model it is about."""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from pydantic import ValidationError

from medhash.core.documents import Document
from medhash.core.errors import MedhashError

if TYPE_CHECKING:
    from medhash.releases.registry import Registry

_LONGEST_REASON = 500
"""Characters; MLflow's tags of a registered model take 5,000 bytes."""


class UserRequest(Document):
    """Who did something, when (UTC, ISO 8601), and why: the JSON value of a tag in MLflow."""

    who: str
    at: str
    reason: str

    @classmethod
    def now(cls, reason: str | None, by: str | None) -> Self:
        """A request made now. Raises MedhashError if reason or name is empty, too long or of several lines."""
        from medhash.releases.audit import requester

        return cls(
            who=_line("--by", by) if by is not None else requester(),
            reason=_line("--reason", reason),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    @classmethod
    def of_tag(cls, name: str, text: str) -> Self:
        """Read a tag's value. Raises MedhashError if another program wrote it."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise MedhashError(
                f"the tag {name} in MLflow is not one that medhash wrote",
                "delete that tag in MLflow, then run the same command again",
            ) from error

    def __str__(self) -> str:
        return f"by {self.who} at {self.at}: {self.reason}"


def add_request_options(parser: ArgumentParser) -> None:
    """--reason and --by."""
    parser.add_argument("--reason", help="why, in one line; kept in MLflow and in the audit log")
    parser.add_argument("--by", metavar="NAME", help="who asks (default: MEDHASH_WHO, or the account of this machine)")


def registry_of(args: Namespace) -> "Registry":
    """The registered model that params.yaml names. Raises MedhashError if MLflow does not answer."""
    from medhash.core import tracking
    from medhash.core.params import load_params
    from medhash.core.workspace import Workspace
    from medhash.releases.registry import Registry

    params = load_params(args.params or args.root / "params.yaml")
    with tracking.answered():
        return Registry(tracking.connect(Workspace(args.root)), params.promote.name)


def _line(option: str, text: str | None) -> str:
    line = (text or "").strip()
    if not line:
        raise MedhashError(f"{option} is missing or empty", f'give it: {option} "…"')
    if not line.isprintable():
        raise MedhashError(
            f"{option} has more than one line, or a character that cannot be printed",
            f"give one line of at most {_LONGEST_REASON} characters",
        )
    if len(line) > _LONGEST_REASON:
        raise MedhashError(
            f"{option} has {len(line)} characters", f"give one line of at most {_LONGEST_REASON} characters"
        )
    return line
