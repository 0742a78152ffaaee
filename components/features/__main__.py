"""Compute GIST-512 vectors for the shallow methods.

Reads data/derived/images/pixels.npy and writes data/derived/features/gist.npy: float32, a row per image of the
pixel store.
"""

from components.command import reports_errors, stage_parser
from components.workspace import Workspace


@reports_errors
def main(argv: list[str] | None = None) -> int:
    args = stage_parser("features", __doc__).parse_args(argv)

    from components.features.compute import compute_features, cores
    workspace = Workspace(args.root)
    n_images = compute_features(workspace.pixels, workspace.gist, cores())
    print(f"features: GIST-512 of {n_images} images")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
