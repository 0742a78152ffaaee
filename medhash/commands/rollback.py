"""Make the champion's predecessor the champion again.

The predecessor is fetched and checked first. The version that is left keeps the tag `rolled_back`, and no run
promotes it by itself again. Asked twice, it goes back twice.
"""

from medhash.core.command import reports_errors, stage_parser
from medhash.releases.request import add_request_options, registry_of


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("rollback", __doc__)
    add_request_options(parser)
    args = parser.parse_args(argv)
    from medhash.core import tracking
    from medhash.core.workspace import Workspace
    from medhash.releases.rollback import RolledBack, rollback

    request = RolledBack.now(args.reason, args.by)
    registry = registry_of(args)
    with tracking.answered():
        print(rollback(Workspace(args.root), registry, request))
    return 0
