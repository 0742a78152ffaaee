"""Take images that left the archive out of the releases.

Ingest takes them out of tables and pixels, and the next stages out of codes and indexes; this makes the releases in
use anew without them, under the same models, and deletes the other versions that hold any. A run does it by itself
after promotion.
"""

from medhash.core.command import reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = stage_parser("withdraw", __doc__).parse_args(argv)
    from medhash.core.params import load_params
    from medhash.core.workspace import Workspace
    from medhash.releases.erasure.withdraw import withdraw

    print(withdraw(Workspace(args.root), load_params(args.params or args.root / "params.yaml")))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
