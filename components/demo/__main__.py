"""Retrain on the archive of params.yaml (the bundled chest X-rays) through Airflow, and print what came out.

What is up to date is not computed again. The whole log goes to var/logs/demo.log.
"""

import argparse
from pathlib import Path

from components.command import reports_errors


@reports_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="medhash demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("."), help="the checkout to work in (default: this folder)")
    args = parser.parse_args(argv)
    from components.demo.run import run_demo
    run_demo(args.root)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
