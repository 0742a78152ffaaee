"""Command line of the stage index: codes/METHOD.parquet → index/METHOD/."""

from medhash.core.command import reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    """Build the FAISS index of the gallery (folds train and val)."""
    parser = stage_parser("index", main.__doc__)
    parser.add_argument("--method", required=True, help="a method of params.yaml, such as lsh")
    args = parser.parse_args(argv)

    from medhash.core.contracts import LABELS, read_table
    from medhash.core.files import sha256_file
    from medhash.core.workspace import Workspace
    from medhash.retrieval.code_table import code_info, place_codes, read_codes
    from medhash.retrieval.index import GALLERY_FOLDS, write_index

    workspace = Workspace(args.root)
    path = workspace.codes(args.method)
    codes = read_codes(path)
    placed = place_codes(codes, read_table(workspace.labels, LABELS))
    info = write_index(
        workspace.index(args.method),
        placed.of_folds(*GALLERY_FOLDS),
        code_info(codes.schema, str(path)).model_digest,
        sha256_file(path),
    )
    print(f"{args.method}: {info.n} codes of {info.bits} bits indexed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
