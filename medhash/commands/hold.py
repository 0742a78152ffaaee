"""Keep the champion as it is until the hold is lifted.

Runs go on and register what they trained; they promote nothing. A hold does not stop what a person asks for by name:
`medhash promote --force` and `medhash rollback`. Nor does it stop `medhash withdraw` and `medhash forget`: they remake
a held champion without the images that must go.
"""

from medhash.core.command import reports_errors, stage_parser
from medhash.releases.request import add_request_options, registry_of


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("hold", __doc__)
    parser.add_argument("--lift", action="store_true", help="end the hold")
    add_request_options(parser)
    args = parser.parse_args(argv)
    from medhash.core import tracking
    from medhash.core.workspace import Workspace
    from medhash.releases.hold import Hold, hold, lift

    request = Hold.now(args.reason if args.reason is not None or not args.lift else "lifted", args.by)
    workspace, registry = Workspace(args.root), registry_of(args)
    with tracking.answered():
        print(lift(workspace, registry, request.who, args.reason) if args.lift else hold(workspace, registry, request))
    return 0
