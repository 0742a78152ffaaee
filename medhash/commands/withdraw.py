"""Take images that left the archive out of the releases.

Ingest takes them out of tables and pixels, and the next stages out of codes and indexes; this makes the releases in
use anew without them, under the same models, and deletes the other versions that hold any. A run does it by itself
after promotion.
"""

from medhash.core.command import checkout, reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = stage_parser("withdraw", __doc__).parse_args(argv)
    from medhash.releases.erasure.withdraw import withdraw

    print(withdraw(*checkout(args)))
    return 0
