"""Remove patients for good from tables, pixels, codes, indexes, caches and releases, and verify it.

Their digests go into data/forgotten.txt, so that no run takes them in again. Releases in use are remade without them
and keep serving. All derived tables are removed; the next run makes them again. docs/new-data.md says what is out of
reach. If it is cut off, run it again: it continues.
"""

from medhash.core.command import checkout, reports_errors, stage_parser
from medhash.releases.request import UserRequest, add_request_options


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("forget", __doc__)
    parser.add_argument("pseudonyms", nargs="+", metavar="PSEUDONYM", help="patient_id of images.parquet")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    add_request_options(parser)
    args = parser.parse_args(argv)
    request = UserRequest.now(args.reason if args.reason is not None or not args.dry_run else "dry run", args.by)
    from medhash.releases.erasure.forget import forget

    workspace, params = checkout(args)
    print(forget(workspace, params, args.pseudonyms, request, dry_run=args.dry_run))
    return 0
