"""Write the report: one self-contained HTML page about the run, at reports/index.html."""

from medhash.core.command import reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = stage_parser("report", __doc__).parse_args(argv)
    from components.report.page import render_page
    from components.report.run import read_run
    from medhash.core.files import replacing_file
    from medhash.core.params import load_params
    from medhash.core.workspace import Workspace

    workspace = Workspace(args.root)
    run = read_run(workspace, load_params(args.params or args.root / "params.yaml"))
    page = render_page(run)
    with replacing_file(workspace.report) as temporary:
        temporary.write_text(page, encoding="utf-8")
    chosen = "best method by validation MAP" if run.is_validated else "no validation figures; the first method"
    print(f"report: {workspace.report} ({len(page) / 1e6:.1f} MB), {chosen}: {run.best}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
