"""Which bags an archive offers: its files say who belongs together, or they do not."""

from components.errors import MedhashError


def require_offered(by: str, offered: tuple[str, ...], source: str) -> None:
    """Raise MedhashError, naming what there is, where ingest.bags.by asks for bags that the archive cannot tell."""
    if by not in offered:
        raise MedhashError(
            f"ingest.bags.by: {by} is not what the source {source} can tell",
            f"set ingest.bags.by to {', '.join(offered[:-1])} or {offered[-1]}",
        )
