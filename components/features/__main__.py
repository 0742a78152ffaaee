"""Compute the features that shallow methods and heads read.

Reads data/derived/images/pixels.npy. Writes data/derived/features/KIND.npy, float32, a row per image of the pixel
store, and KIND.json, which names the weights of a backbone.
"""

from medhash.core.command import reports_errors, stage_parser
from medhash.core.workspace import Workspace


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = stage_parser("features", __doc__)
    parser.add_argument(
        "--kind",
        choices=("gist-512", "gist-1024", "lite0-64", "lite0-128", "lite0-224"),
        default="gist-512",
        help="GIST: 4 scales × 8 or 16 orientations over a 4 × 4 grid; or EfficientNet-Lite0 with ImageNet weights at "
        "64, 128 or 224 px (default: %(default)s)",
    )
    args = parser.parse_args(argv)

    from medhash.retrieval.features import compute_features, cores

    workspace = Workspace(args.root)
    n_new = compute_features(workspace, args.kind, cores())
    print(f"features: {args.kind}, {n_new:,} images computed, the others were known")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
