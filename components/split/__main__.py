"""Command line of the stage split: images.parquet → split.parquet."""

from medhash.core.command import checkout, reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    """Place every image in train, val or test by its patient."""
    args = stage_parser("split", main.__doc__).parse_args(argv)

    import numpy as np

    from components.split.split import describe_folds, split_patients
    from medhash.core.contracts import IMAGES, SPLIT, read_table, write_table

    workspace, params = checkout(args)
    pixels = (
        np.load(workspace.pixels, mmap_mode="r", allow_pickle=False)
        if params.split.near_duplicates and workspace.pixels.exists()
        else None
    )
    split = split_patients(read_table(workspace.images, IMAGES), params.split, params.seed, pixels)
    write_table(workspace.split, split, SPLIT)
    print(describe_folds(split))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
