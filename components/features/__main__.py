"""Compute GIST vectors for the shallow methods.

Reads data/derived/images/pixels.npy and writes data/derived/features/KIND.npy: float32, a row per image of the
pixel store.
"""

from medhash.core.command import reports_errors, stage_parser
from medhash.core.workspace import Workspace


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("features", __doc__)
    parser.add_argument(
        "--kind",
        choices=("gist-512", "gist-1024"),
        default="gist-512",
        help="4 scales × 8 or 16 orientations over a 4 × 4 grid (default: %(default)s)",
    )
    args = parser.parse_args(argv)

    from medhash.retrieval.features import compute_features, cores

    workspace = Workspace(args.root)
    n_images = compute_features(workspace.pixels, workspace.features(args.kind), args.kind, cores())
    print(f"features: {args.kind} of {n_images} images")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
