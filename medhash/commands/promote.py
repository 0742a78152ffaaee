"""Register the run's best model with its codes and index, and make it the champion if the promotion rule says so.

Best is by MAP on validation patients. Every clause of the rule must hold (docs/promotion.md): then the model is the
champion, and the one before it stays as `previous`. Otherwise it is registered as `challenger`, and the champion
keeps serving. Either way the decision is a page in reports/promotion, in MLflow and in the audit log, and the exit
code is 0.
"""

from medhash.core.command import reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    from medhash.core.errors import MedhashError
    from medhash.releases.request import UserRequest, add_request_options

    parser = stage_parser("promote", __doc__)
    parser.add_argument(
        "--force",
        action="store_true",
        help="promote whatever the rule says, except past a failed "
        "gate or with parts that do not belong together; needs --reason",
    )
    add_request_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the decision, and write nothing down")
    args = parser.parse_args(argv)
    if not args.force and (args.reason is not None or args.by is not None):
        raise MedhashError(
            "--reason and --by are given without --force",
            "add --force, or leave them out: a decision of the rule has its own reasons",
        )
    force = UserRequest.now(args.reason, args.by) if args.force else None
    from medhash.core.params import load_params
    from medhash.core.workspace import Workspace
    from medhash.releases.promotion.promote import promote

    print(
        promote(
            Workspace(args.root),
            load_params(args.params or args.root / "params.yaml"),
            force=force,
            dry_run=args.dry_run,
        ),
        end="",
    )
    return 0
