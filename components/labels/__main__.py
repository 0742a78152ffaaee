"""Command line of the stage labels: images.parquet, split.parquet → labels/, label sets and vocabulary."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from medhash.core.command import checkout, reports_errors, stage_parser

if TYPE_CHECKING:
    import pyarrow as pa

    from medhash.core.documents import Vocabulary
    from medhash.core.params import LabelParams


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
    for line in told(images, labels, label_sets, vocabulary, incomplete, params.labels):
        print(line)
    return 0


def told(
    images: "pa.Table",
    labels: "pa.Table",
    label_sets: "pa.Table",
    vocabulary: "Vocabulary",
    incomplete: "pa.Table",
    settings: "LabelParams",
) -> "Iterator[str]":
    """What was labelled and what was not, a line each."""
    n_all = len(images["bag_id"].unique())
    what = "images" if n_all == images.num_rows else "bags"
    yield (
        f"{labels.num_rows:,} {what}, {label_sets.num_rows:,} label sets, {len(vocabulary.labels)} labels, "
        f"{sum(vocabulary.n_unlabelled.values()):,} {what} without a label"
    )
    if what == "bags" and settings.bag == "agree" and labels.num_rows < n_all:
        yield (
            f"left out: {n_all - labels.num_rows:,} of {n_all:,} bags, those whose images disagree among them "
            "(labels.bag: agree)"
        )
    for name, count in sorted(Counter(incomplete["attribute"].to_pylist()).items()):
        yield (
            f"{name} is not known of {count:,} {what} (listed in incomplete.parquet); its losses and figures leave "
            "them out"
        )
    untrained = [name for name in vocabulary.labels if not vocabulary.n_bags[name]["train"]]
    if untrained:
        yield f"no training {what.removesuffix('s')} carries {', '.join(untrained)}: no method can learn it"


if __name__ == "__main__":
    raise SystemExit(main())
