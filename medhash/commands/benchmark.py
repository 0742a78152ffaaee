"""Measure the rows of a paper's table on a data set of yours, with chance, intervals and the paper's figures beside.

  drh1   Deep Residual Hashing, Table 1: MAP at 16, 32, 48 and 64 bits
  drh2   Deep Residual Hashing, Table 2: its variants with 18 and 34 layers at 64 bits, MAP and P@H2
  osdh1  Order-Sensitive Deep Hashing, Table 1: NDCG@100 at 16, 32, 48 and 64 bits
  osdh2  Order-Sensitive Deep Hashing, Table 2: its variants at 32 bits, NDCG@100, ACG@100 and mAPw
  dmih   Deep Multiple Instance Hashing on cases of several images, beside methods that hash each image and let the
         images vote: MAP, P@1, P@5 and P@10 at 16, 32 and 64 bits, and MAP class by class
  structured  structured codes (modality, organ, pathology) beside codes of one part at 48 bits: MAP, NDCG@100, P@10, by
         attribute, by sub-code, by preference, and on combinations that nobody trained on
  all    every method of the catalogue that needs no combined labels, at 32 bits: MAP, NDCG@100 and P@H2

Every row is trained once per seed; what is up to date, or in DVC's cache, is not computed again, and an interrupted
run goes on with the same command. The table goes to reports/tables/DATASET/TABLE.html, .md and .csv, with its plots.
A row that fails is shown as failed, stops no other, and makes the exit code 1.

Examples:
  medhash benchmark --table drh1 --methods lsh itq drh-18 --bits 16 --seeds 0 --epochs 2      a first look, in minutes
  medhash benchmark --table drh1                                      the whole of Table 1 on the bundled sample
  medhash benchmark --table osdh1 --dataset sample-osdh
  medhash benchmark --table dmih --dataset histology                  the bundled histology slides
  medhash benchmark --table structured --dataset structured           bundled drawings of 18 combinations
  medhash benchmark --table all --dataset my-archive.yaml             a file laid over params.yaml (docs/benchmark.md)
"""

import argparse
import os

from medhash.core.command import command_parser, reports_errors


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = command_parser("benchmark", __doc__)
    parser.add_argument(
        "--table", required=True, choices=("drh1", "drh2", "osdh1", "osdh2", "dmih", "structured", "all")
    )
    parser.add_argument(
        "--dataset",
        default="sample",
        metavar="NAME",
        help="a file of data/sets without .yaml, or the path of your own YAML file (default: %(default)s)",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help="only these rows; other methods of the catalogue are added below (default: the table's rows)",
    )
    parser.add_argument("--bits", nargs="+", type=int, metavar="K", help="code lengths (default: the table's)")
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=int,
        default=[0, 1, 2],
        metavar="SEED",
        help="trainings of every row (default: 0 1 2)",
    )
    parser.add_argument("--epochs", type=_positive, help="in place of the data set's train.epochs")
    parser.add_argument(
        "--jobs", type=_positive, help="trainings at once (default: as many as cores and free memory allow)"
    )
    args = parser.parse_args(argv)

    # Threads of t-SNE that wait without spinning; OpenMP reads this when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from medhash.benchmark.run import Options, run_benchmark

    return run_benchmark(
        args.root, Options(args.table, args.dataset, args.methods, args.bits, args.seeds, args.epochs, args.jobs)
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value
