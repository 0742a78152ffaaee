"""Retrain on the archive of params.yaml (the bundled chest X-rays) through Airflow, and print what came out.

What is up to date is not computed again. The whole log goes to var/logs/demo.log. With --archive the same is done for
another data set in a clone of this checkout, var/demo/NAME; this checkout stays as it is.
"""

from medhash.core.command import command_parser, reports_errors


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = command_parser("demo", __doc__)
    parser.add_argument(
        "--archive",
        metavar="NAME",
        default=None,
        help="a data set instead: its name in data/sets/, such as histology (bundled, bags of tiles), "
        "the folder of its archive, or the path of a YAML file laid over params.yaml",
    )
    args = parser.parse_args(argv)
    from medhash.platform.demo.run import run_demo

    if args.archive is None:
        run_demo(args.root)
    else:
        from medhash.platform.demo.checkout import demo_checkout

        run_demo(demo_checkout(args.root, args.archive))
    return 0
