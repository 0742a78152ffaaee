"""Command line of the stage evaluate: codes and labels → metrics/METHOD/ and this machine's query latency."""

from medhash.core.command import checkout, reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    """Measure the retrieval of the test patients."""
    parser = stage_parser("evaluate", main.__doc__)
    parser.add_argument("--method", required=True, help="a method of params.yaml, such as lsh")
    args = parser.parse_args(argv)

    from components.evaluate.log import log_figures
    from medhash.core.contracts import QUERIES, write_table
    from medhash.retrieval.code_table import place_codes, read_codes
    from medhash.retrieval.evaluation.headline import format_gallery, headline_of
    from medhash.retrieval.evaluation.latency import measure_latency
    from medhash.retrieval.evaluation.measure import measure
    from medhash.retrieval.evaluation.tables import Tables
    from medhash.retrieval.index import load_index, require_built_from

    workspace, params = checkout(args)
    path = workspace.codes(args.method)
    codes = read_codes(path)
    index = load_index(workspace.index(args.method))
    require_built_from(index, workspace.index(args.method), path, codes)
    tables = Tables.read(workspace)
    metrics, queries = measure(codes, tables, params.evaluate, params.seed)
    folder = workspace.metrics(args.method)
    write_table(folder / "queries.parquet", queries, QUERIES)
    metrics.write(folder / "metrics.json")
    placed = place_codes(codes, tables.labels)
    headline = headline_of(metrics)
    headline.write(folder / "headline.json")

    latency = measure_latency(index, placed.of_folds("test"))
    latency.write(workspace.latency(args.method))
    log_figures(workspace, params.promote.name, metrics, headline, latency)
    print(
        f"{args.method}: lift {format_gallery(metrics.seen)}; against an unseen gallery "
        f"{format_gallery(metrics.unseen)}; MAP {metrics.figures.map:.3f}, chance {metrics.chance.map:.3f}; a query "
        f"takes {latency.p50_ms:.2f} ms"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
