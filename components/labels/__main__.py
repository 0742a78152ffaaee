"""Command line of the stage labels: images.parquet, split.parquet → labels/, label sets and vocabulary."""

from collections import Counter

from medhash.core.command import checkout, reports_errors, stage_parser


@reports_errors
def main(argv: list[str] | None = None) -> int:
    """Give every case, an image or a bag of them, its canonical label set."""
    args = stage_parser("labels", main.__doc__).parse_args(argv)

    from components.labels.combined import incomplete_cases
    from components.labels.label_sets import label_images
    from medhash.core.contracts import IMAGES, INCOMPLETE, LABEL_SETS, LABELS, SPLIT, read_table, write_table
    from medhash.core.files import replacing_folder

    workspace, params = checkout(args)
    images = read_table(workspace.images, IMAGES)
    labels, label_sets, vocabulary = label_images(
        images, read_table(workspace.split, SPLIT), params.labels, params.seed
    )
    with replacing_folder(workspace.labels.parent) as folder:
        write_table(folder / workspace.labels.name, labels, LABELS)
        write_table(folder / workspace.label_sets.name, label_sets, LABEL_SETS)
        vocabulary.write(folder / workspace.vocabulary.name)
        incomplete = incomplete_cases(labels, label_sets, vocabulary)
        write_table(folder / workspace.incomplete.name, incomplete, INCOMPLETE)
    n_all = len(images["bag_id"].unique())
    what = "images" if n_all == images.num_rows else "bags"
    print(
        f"{labels.num_rows:,} {what}, {label_sets.num_rows:,} label sets, {len(vocabulary.labels)} labels, "
        f"{sum(vocabulary.n_unlabelled.values()):,} {what} without a label"
    )
    if what == "bags" and params.labels.bag == "agree" and labels.num_rows < n_all:
        print(
            f"left out: {n_all - labels.num_rows:,} of {n_all:,} bags, those whose images disagree among them "
            "(labels.bag: agree)"
        )
    for name, count in sorted(Counter(incomplete["attribute"].to_pylist()).items()):
        print(
            f"{name} is not known of {count:,} {what} (listed in {workspace.incomplete.name}); its losses and figures "
            "leave them out"
        )
    untrained = [name for name in vocabulary.labels if not vocabulary.n_bags[name]["train"]]
    if untrained:
        print(f"no training {what.removesuffix('s')} carries {', '.join(untrained)}: no method can learn it")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
