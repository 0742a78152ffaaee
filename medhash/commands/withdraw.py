"""Take images that left the archive out of the releases.

Ingest removes them from tables and pixels, and the next stages from codes and indexes. This command remakes the
releases in use without them, with the same models, and deletes the other versions that hold any. A run does so itself
after promotion.
"""

from medhash.core.command import checkout, reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = stage_parser("withdraw", __doc__).parse_args(argv)
    from medhash.releases.erasure.withdraw import withdraw

    print(withdraw(*checkout(args)))
    return 0
