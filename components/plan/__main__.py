"""Command line of the stage plan: code and params.yaml → plan/, a file per item of dvc.yaml."""

from medhash.core.command import checkout, reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    """Write down which code and settings every item of the pipeline reads.

    Other stages depend on their own item's file, which changes only if that code or those settings do.
    """
    args = stage_parser("plan", main.__doc__).parse_args(argv)

    from components.plan.plan import write_plan

    n_items, changed = write_plan(*checkout(args))
    print(f"{n_items} items, {len(changed)} with other code or settings{': ' if changed else ''}{', '.join(changed)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
