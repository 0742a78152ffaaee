"""Command line of the stage similarity: label_sets.parquet → similarity.parquet."""

from medhash.core.command import reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    """Count the labels that every two label sets share."""
    args = stage_parser("similarity", main.__doc__).parse_args(argv)

    from components.similarity.similarity import compare_sets
    from medhash.core.contracts import LABEL_SETS, SIMILARITY, read_table, write_table
    from medhash.core.workspace import Workspace

    workspace = Workspace(args.root)
    label_sets = read_table(workspace.label_sets, LABEL_SETS)
    write_table(workspace.similarity, compare_sets(label_sets), SIMILARITY)
    print(f"{label_sets.num_rows:,} label sets, {label_sets.num_rows**2:,} ordered pairs")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
