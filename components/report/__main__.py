"""Write the report: one self-contained HTML page about the run, reports/index.html, and its plots for `dvc plots`."""

from medhash.core.command import checkout, reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = stage_parser("report", __doc__).parse_args(argv)
    from components.report.page import render_page, run_plots
    from components.report.run import read_run
    from medhash.core.files import replacing_file, replacing_folder
    from medhash.core.plots import save_svg

    workspace, params = checkout(args)
    run = read_run(workspace, params)
    plots = run_plots(run)
    page = render_page(run, plots)
    with replacing_folder(workspace.report_plots) as folder:
        for name, uri in plots.items():
            save_svg(uri, folder / f"{name}.svg")
    with replacing_file(workspace.report) as temporary:
        temporary.write_text(page, encoding="utf-8")
    chosen = "best method by validation MAP" if run.is_validated else "no validation figures; the first method"
    print(f"report: {workspace.report} ({len(page) / 1e6:.1f} MB), {chosen}: {run.best}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
