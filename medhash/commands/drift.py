"""Compare the images that are new since the champion with those it was trained on.

Writes reports/drift/index.html and drift.json, and logs both to MLflow. Ends with an error, so that nothing is
trained, if the difference exceeds drift.stop in params.yaml. Without a champion, or with few new images, it passes
with a note.
"""

from medhash.core.command import checkout, reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("drift", __doc__)
    parser.add_argument(
        "--accept",
        action="store_true",
        help="let the same new images pass from now on, until the champion changes; recorded in the audit log",
    )
    parser.add_argument("--reason", help="with --accept: why they are wanted")
    parser.add_argument("--by", help="with --accept: who accepts (default: the account that asks)")
    args = parser.parse_args(argv)
    if args.accept and not (args.reason or "").strip():
        parser.error("--accept needs --reason: why these images are wanted")
    if not args.accept and (args.reason or args.by):
        parser.error("--reason and --by go with --accept")
    from medhash.releases.drift.check import Acceptance, check_drift, format_report, require_no_stop

    workspace, params = checkout(args)
    report = check_drift(workspace, params, Acceptance(args.reason, args.by) if args.accept else None)
    print(format_report(report))
    require_no_stop(workspace, report)
    return 0
