"""Forget patients: out of tables, pixels, codes, indexes, caches and releases, for good, and proven.

Their digests go into data/forgotten.txt, and no run takes them in again. Releases in use are made anew without them
and go on serving; all derived tables are removed, and the next run makes them anew. docs/new-data.md says what is out
of reach. Cut off, it goes on when it is run again.
"""

from medhash.core.command import checkout, reports_errors, stage_parser
from medhash.releases.acts import Act, add_act_options


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("forget", __doc__)
    parser.add_argument("pseudonyms", nargs="+", metavar="PSEUDONYM", help="patient_id of images.parquet")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    add_act_options(parser)
    args = parser.parse_args(argv)
    asked = Act.now(args.reason if args.reason is not None or not args.dry_run else "dry run", args.by)
    from medhash.releases.erasure.forget import forget

    workspace, params = checkout(args)
    print(forget(workspace, params, args.pseudonyms, asked, dry_run=args.dry_run))
    return 0
