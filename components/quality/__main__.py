"""Command line of the gates: what a stage wrote → data/derived/gates/STAGE.json, exit code 1 if it does not hold."""

from components.quality import STAGES
from components.quality.gate import describe, failure, run_gate
from medhash.core.command import checkout, reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    """Check what a stage wrote, before the next stage may read it."""
    parser = stage_parser("quality", main.__doc__)
    parser.add_argument("stage", choices=STAGES, metavar="STAGE", help=", ".join(STAGES))
    args = parser.parse_args(argv)

    workspace, params = checkout(args)
    report = run_gate(args.stage, workspace, params)
    print(describe(report))
    if not report.success:
        raise failure(report, workspace.data_docs / "index.html")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
